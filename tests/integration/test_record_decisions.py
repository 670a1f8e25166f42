"""Decisions are events too: one order for everybody, whichever door they came through and whoever writes meanwhile."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.clients.stores import open_store
from tasks.decide import Decided, decide
from tasks.gate.approval import request
from tasks.gate.ask_state import AskStanding, ask_state
from tasks.gate.hearing import hearing
from tasks.gate.ruling import Answer
from tasks.record import Record
from tests.integration.deciding import TWO
from tests.integration.recording import ID, kinds, opened

DIGEST = "d" * 64
SHOP = Settings(target="shop")


def waiting(store: ObjectStore, policy: Policy, *, hours_ago: float = 0) -> Record:
    """A release that asks for approval of some plan."""
    record = opened(store)
    now = datetime.now(UTC) - timedelta(hours=hours_ago)
    record.append("asked", request(DIGEST, "what", started_by="ada", policy=policy, now=now))
    return record


def answer(
    store: ObjectStore, who: str, policy: Policy | None = None, *, approved: bool = True, **more: Any
) -> Decided:
    known = {"door": "command-line", **more}
    return decide(SHOP, policy or Policy(), ID, identity=who, approved=approved, store=store, **known)


def test_the_first_decision_counts_and_the_second_learns_whose_it_was_and_when(store: ObjectStore) -> None:
    waiting(store, Policy())
    first = answer(store, "bob", comment="go")
    second = answer(store, "cyd", approved=False)
    assert (first.ruling.answer, second.ruling.answer) == (Answer.ACCEPTED, Answer.ALREADY_DECIDED)
    at = first.ruling.decision.at.strftime("%Y-%m-%d %H:%M:%S UTC") if first.ruling.decision else ""
    said = f"release {ID} was decided already: approved by bob (command-line) at {at}: go; nothing was changed"
    assert second.ruling.sentence == said
    assert second.state is not None
    assert second.state.standing is AskStanding.APPROVED
    assert kinds(Record.open(store, "shop", ID)) == ["opened", "asked", "approved"]


def test_the_same_person_counts_once_and_is_told_what_is_missing(directory_store: ObjectStore) -> None:
    people = [{"name": "bob", "slack": "UBOB", "os_user": "bob"}, {"name": "cyd", "os_user": "cyd"}]
    policy = Policy.model_validate({"people": people, "approval": {"approvers": ["bob", "cyd"], "count": 2}})
    waiting(directory_store, policy)
    first = answer(directory_store, "UBOB", policy, door="slack", facts={"team": "T1"})
    again = answer(directory_store, "bob", policy)
    assert (first.ruling.answer, first.ruling.missing, first.prefect) == (Answer.ACCEPTED, 1, None)
    assert (again.ruling.answer, again.ruling.missing) == (Answer.ALREADY_COUNTED, 1)
    assert "one person counts once; 1 approval by other people still missing" in again.ruling.sentence
    enough = answer(directory_store, "cyd", policy)
    assert (enough.ruling.answer, enough.ruling.missing) == (Answer.ACCEPTED, 0)
    story = Record.open(directory_store, "shop", ID).story()
    assert story.state == "approved"
    assert kinds(Record.open(directory_store, "shop", ID)) == ["opened", "asked", "approved", "approved"]


def test_the_record_tells_of_a_release_that_has_one_of_two_approvals(directory_store: ObjectStore) -> None:
    policy = Policy.model_validate({"approval": {"count": 2}})
    waiting(directory_store, policy)
    answer(directory_store, "bob", policy)
    story = Record.open(directory_store, "shop", ID).story()
    assert (story.state, story.next) == ("waiting for approval", f"gate approve {ID}")
    assert story.sentence == "approved by bob (command-line); 1 more approval is missing"


def test_of_a_hundred_decisions_at_once_exactly_one_is_recorded(store: ObjectStore) -> None:
    waiting(store, Policy())
    together = threading.Barrier(100)

    def one(number: int) -> Answer:
        together.wait()
        return answer(store, f"person-{number}", approved=number % 2 == 0).ruling.answer

    with ThreadPoolExecutor(100) as threads:
        rulings = Counter(threads.map(one, range(100)))
    assert rulings == {Answer.ACCEPTED: 1, Answer.ALREADY_DECIDED: 99}
    assert len(kinds(Record.open(store, "shop", ID))) == 3


ROUNDS = int(os.environ.get("RACES") or 1)


@pytest.mark.parametrize("_round", range(ROUNDS))
@pytest.mark.parametrize("place", ["s3_url", "directory"] if os.environ.get("RACES") else ["directory"])
def test_of_a_hundred_people_in_four_processes_exactly_as_many_count_as_are_needed(
    place: str, _round: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(place) if place == "s3_url" else tmp_path.as_uri()
    waiting(open_store(url), TWO)
    start = str(time.time() + 4)
    command = [sys.executable, "-m", "tests.integration.deciding", url, ID, start]
    racers = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    rulings = Counter(word for racer in racers for word in json.loads(racer.communicate(timeout=60)[0]))
    assert rulings == {"accepted": 2, "already decided": 98}
    assert len(kinds(Record.open(open_store(url), "shop", ID))) == 4


def test_a_decision_gets_through_while_the_release_writes(directory_store: ObjectStore) -> None:
    worker = waiting(directory_store, Policy())
    worker.append("claimed")
    assert answer(directory_store, "bob").ruling.accepted
    assert kinds(Record.open(directory_store, "shop", ID)) == ["opened", "asked", "claimed", "approved"]


def test_a_new_request_for_the_same_plan_is_answered_anew(directory_store: ObjectStore) -> None:
    record = waiting(directory_store, Policy())
    assert answer(directory_store, "bob").ruling.accepted
    record.append("asked", request(DIGEST, "again", started_by="ada", policy=Policy(), now=datetime.now(UTC)))
    again = answer(directory_store, "bob")
    assert again.ruling.accepted
    assert kinds(Record.open(directory_store, "shop", ID)).count("approved") == 2


def test_after_an_expiry_nothing_is_decided(directory_store: ObjectStore) -> None:
    record = waiting(directory_store, Policy())
    record.append("expired", {"sentence": "nobody decided"})
    late = answer(directory_store, "bob").ruling
    assert (late.answer, late.sentence) == (
        Answer.EXPIRED,
        f"too late for release {ID}: the request expired; nothing was decided",
    )
    assert kinds(record) == ["opened", "asked", "expired"]


def test_a_closed_an_unasked_and_an_unknown_release_take_no_decision(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    assert answer(directory_store, "bob").ruling.answer is Answer.NOT_ASKED
    record.append("closed", {"outcome": "refused", "sentence": "staging drifted", "exit_code": 3})
    closed = answer(directory_store, "bob").ruling
    assert (closed.answer, closed.sentence) == (Answer.CLOSED, f"release {ID} is closed: staging drifted")
    unknown = decide(SHOP, Policy(), "x", door="slack", identity="U1", approved=True, store=directory_store)
    assert (unknown.ruling.answer, unknown.state) == (Answer.UNKNOWN, None)


def test_an_approved_release_that_waits_for_its_window_can_still_be_stopped(directory_store: ObjectStore) -> None:
    record = waiting(directory_store, Policy())
    answer(directory_store, "bob")
    assert answer(directory_store, "cyd", approved=False).ruling.answer is Answer.ALREADY_DECIDED
    record.append("holding", {"sentence": "waiting for the window until Mon", "until": "2026-11-30T08:00:00+00:00"})
    assert answer(directory_store, "cyd").ruling.answer is Answer.ALREADY_DECIDED
    stopped = answer(directory_store, "cyd", approved=False, comment="the fix was wrong")
    assert stopped.ruling.accepted
    assert stopped.state is not None
    assert stopped.state.standing is AskStanding.REJECTED
    assert Record.open(directory_store, "shop", ID).story().state == "rejected"


def test_a_no_through_a_door_with_another_policy_stops_what_that_policy_cannot_see_approved(
    directory_store: ObjectStore,
) -> None:
    policy = Policy.model_validate({"approval": {"approvers": ["bob"]}})
    record = waiting(directory_store, policy)
    assert answer(directory_store, "bob", policy).ruling.accepted
    other = Policy.model_validate({"approval": {"approvers": ["cyd"]}})
    assert answer(directory_store, "cyd", other).ruling.answer is Answer.VOID
    assert answer(directory_store, "eve", other, approved=False).ruling.accepted
    heard = hearing(Record.open(directory_store, "shop", ID).events)
    assert ask_state(heard, policy, datetime.now(UTC)).standing is AskStanding.REJECTED
    record.append("asked", request(DIGEST, "again", started_by="ada", policy=policy, now=datetime.now(UTC)))
    assert answer(directory_store, "bob", policy).ruling.accepted
    record.append("applying", {"attempt": 1})
    late = answer(directory_store, "eve", other, approved=False).ruling
    assert (late.answer, "production is being changed already" in late.sentence) == (Answer.ALREADY_DECIDED, True)


def test_a_broken_glass_lets_through_what_waits_for_its_window(directory_store: ObjectStore) -> None:
    policy = Policy.model_validate({"approval": {"approvers": ["bob"], "break_glass": ["bob", "cyd"]}})
    record = waiting(directory_store, policy)
    assert answer(directory_store, "bob", policy).ruling.accepted
    glass = {"break_glass": True, "comment": "checkout is down"}
    assert answer(directory_store, "cyd", policy, **glass).ruling.answer is Answer.ALREADY_DECIDED
    record.append("holding", {"sentence": "waiting for the window until Mon", "until": "2026-11-30T08:00:00+00:00"})
    first, second = (answer(directory_store, who, policy, **glass) for who in ("bob", "cyd"))
    assert (first.ruling.missing, second.ruling.missing) == (1, 0)
    assert second.state is not None
    assert second.state.break_glass
    assert answer(directory_store, "bob", policy, **glass).ruling.answer is Answer.ALREADY_DECIDED
