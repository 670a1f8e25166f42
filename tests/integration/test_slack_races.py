"""Presses at the same moment, too late, for another plan, or by somebody twice: the record takes what counts, once."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.gate.model import sha256
from tests.integration.slack_fixtures import here, slack
from tests.integration.slack_stage import ANN, JON, POLICY, Stage, stage, wait_until
from tests.servers.slack import TEAM, Workspace, body_of, headers_for, send
from tests.servers.web import local_site
from tests.unit.sample_evidence import migration, plan

CROWD = 100 if os.environ.get("PRESSES") else 24  # `make presses` brings everybody

__all__ = ["here", "slack"]  # fixtures


def together(acts: list[Callable[[], httpx.Response]]) -> list[int]:
    """All at the same moment; their statuses."""
    gun = threading.Barrier(len(acts))

    def run(act: Callable[[], httpx.Response]) -> int:
        gun.wait()
        return act().status_code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def pressing(here: Stage, user: str, action: str = "gate_approve", address: str = "") -> Callable[[], httpx.Response]:
    payload = here.slack.payload(here.message(), user, action)
    return lambda: send(address or here.address, payload)


def test_the_same_bytes_sent_many_times_at_once_decide_once(here: Stage):
    here.ask()
    body = body_of(here.slack.payload(here.message(), JON, "gate_approve"))
    headers = headers_for(body)
    place = f"{here.address}/slack/interactions"
    answers = together([lambda: httpx.post(place, content=body, headers=headers, timeout=20)] * CROWD)
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 1
    assert [d.kind for d in here.decisions()] == ["approved"]
    assert here.decisions()[0].body["facts"]["body_sha256"] == sha256(body)


def test_a_double_click_decides_once(here: Stage):
    here.ask()
    together([pressing(here, JON), pressing(here, JON)])
    assert len(here.decisions()) == 1


def test_yes_and_no_at_the_same_moment_end_in_one_decision(here: Stage):
    for _ in range(3):
        record = here.ask()
        pressing(here, ANN, "gate_reject")()
        wait_until(lambda: bool(here.slack.views), "the form")
        form = here.slack.form_payload(here.slack.views.pop()["view"], ANN, "not now")
        together([pressing(here, JON), lambda form=form: send(here.address, form)])  # type: ignore[misc]
        assert len(here.decisions()) == 1
        here.end(record, "refused", "it was refused")


def test_a_crowd_at_two_replicas_ends_in_one_decision(slack: Workspace, here: Stage, tmp_path: Path):
    people = [f"U{n:04}" for n in range(CROWD)]
    here.policy = POLICY.model_copy(
        update={
            "people": tuple(POLICY.people[0].model_copy(update={"name": u, "slack": u}) for u in people),
            "approval": POLICY.approval.model_copy(update={"approvers": tuple(people)}),
        }
    )
    here.ask()
    with stage(slack, tmp_path, here.policy) as other:
        for user in people:
            slack.member(user)
        message = here.message()
        presses = [slack.payload(message, user, "gate_approve") for user in people]
        places = [here.address, other.address] * (CROWD // 2)
        answers = together([lambda p=p, a=a: send(a, p) for p, a in zip(presses, places, strict=True)])  # type: ignore[misc]
        assert set(answers) == {200}
        assert len(here.decisions()) == 1
        first = here.decisions()[0].body["who"]
        late = set(people) - {first}
        wait_until(lambda: told_of(slack, first) == late, "a word to everybody who was late", seconds=60)


def told_of(slack: Workspace, first: str) -> set[str]:
    """Who was told that somebody was first, and who that was."""
    with slack.lock:
        return {told["user"] for told in slack.ephemeral if f"approved by {first} (slack)" in told["text"]}


def test_a_press_after_the_expiry_is_too_late(here: Stage):
    here.ask(hours=3 / 3600)
    press = pressing(here, JON)
    message = here.slack.top()[-1]
    wait_until(lambda: not message.buttons, "the expiry")
    assert press().status_code == 200
    assert "too late" in here.told()
    assert here.decisions() == []


def test_the_button_of_an_older_plan_decides_nothing(here: Stage):
    record = here.ask()
    old = pressing(here, JON)
    newer = plan(pending=[migration("0005_more")])
    asked = next(event.body for event in record.events if event.kind == "asked")
    record.refresh()
    record.append("planned", {"plan": newer.model_dump(mode="json"), "digest": newer.digest})
    record.append("asked", {**asked, "digest": newer.digest})
    wait_until(lambda: len(here.slack.top()) == 2, "a new message")
    first = here.slack.top()[0]
    wait_until(lambda: not first.buttons, "the old buttons to go")
    assert old().status_code == 200
    assert "you were shown plan" in here.told()
    assert here.decisions() == []


def test_a_void_request_takes_no_yes(here: Stage):
    record = here.ask()
    press = pressing(here, JON)
    record.refresh()
    record.append("voided", {"reason": "the ledger moved"})
    assert press().status_code == 200
    assert "is void: the ledger moved" in here.told()
    assert here.decisions() == []


def test_the_button_of_a_closed_release_says_how_it_ended(here: Stage):
    record = here.ask()
    press = pressing(here, JON)
    record.refresh()
    here.end(record, "refused", "the staging ledger moved")
    assert press().status_code == 200
    assert f"release {here.release} is closed: the staging ledger moved" in here.told()
    assert here.decisions() == []


def test_one_person_counts_once_where_two_are_wanted(here: Stage):
    here.policy = POLICY.model_copy(update={"approval": POLICY.approval.model_copy(update={"count": 2})})
    here.ask()
    message = here.message()
    for _ in range(3):
        pressing(here, JON)()
    assert len(here.decisions()) == 1
    assert message.buttons
    wait_until(lambda: "1 more approval is missing" in message.text, "the count")
    pressing(here, ANN)()
    wait_until(lambda: not message.buttons, "the buttons to go")
    assert [d.body["who"] for d in here.decisions()] == ["jon", "ann"]


def test_without_named_approvers_being_in_the_channel_is_no_permission(here: Stage):
    here.policy = POLICY.model_copy(update={"approval": POLICY.approval.model_copy(update={"approvers": ()})})
    here.ask()
    pressing(here, JON)()
    assert "names no approvers" in here.told()
    assert here.decisions() == []


def test_a_message_in_the_channel_of_before_decides_nothing(slack: Workspace, here: Stage, tmp_path: Path):
    here.ask()
    press = slack.payload(here.message(), JON, "gate_approve")
    with stage(slack, tmp_path, slack_channel="C0ANOTHER") as moved:
        send(moved.address, press)
        assert "not in the channel that is configured now" in here.told()
    assert here.decisions() == []


def test_no_address_that_a_payload_names_is_ever_called(here: Stage):
    here.ask()
    with local_site() as elsewhere:
        urls = [f"{elsewhere.url}/steal", f"https://hooks.slack.com.evil.example/{TEAM}"]
        for url in urls:
            payload = here.slack.payload(here.message(), "U0GUEST", "gate_approve", response_url=url)
            assert send(here.address, payload).status_code == 200
        here.told(2)
        assert elsewhere.asked == []
    assert here.decisions() == []


def test_who_presses_again_and_again_is_not_listened_to_and_others_are(here: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.web.guards.PRESSES", 5)
    here.ask()
    for _ in range(8):
        pressing(here, "U0GUEST")()
    wait_until(lambda: any("so many presses" in told["text"] for told in here.slack.ephemeral), "the word")
    pressing(here, JON)()
    assert len(here.decisions()) == 1


def test_a_release_in_a_shared_channel_is_not_put_there(here: Stage):
    here.slack.channel["is_ext_shared"] = True
    try:
        here.ask()
        seen: list[Any] = here.slack.calls
        wait_until(lambda: any(name == "conversations.info" for name, _ in seen), "the question")
        assert here.slack.top() == []
        assert here.notes() == []
    finally:
        here.slack.channel["is_ext_shared"] = False
