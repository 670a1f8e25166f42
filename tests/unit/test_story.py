"""Wherever a release stops, its record says in one sentence where it stands and what to type."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.gate.story import ENDS, fold
from tests.unit.story_events import BODIES, ID, START, events

UP_TO = {
    "asked": ("opened", "planned", "checked", "backed_up", "proved", "rehearsed", "asked"),
    "applying": ("opened", "planned", "checked", "backed_up", "proved", "rehearsed", "asked", "approved", "applying"),
}


@pytest.mark.parametrize(
    ("kinds", "state", "sentence", "command"),
    [
        ((), "checking", "nothing is recorded yet", "gate resume"),
        (("opened",), "checking", "opened by ada (command-line)", "gate resume"),
        (("opened", "planned"), "checking", "2 migrations pending: 0001_a, 0002_b", "gate resume"),
        (("opened", "planned", "checked"), "backing up", "3 checks ran: 2 passed, 1 waived", "gate resume"),
        (UP_TO["asked"][:4], "backing up", "backup-20261123-120000 stored, 13.4 MB", "gate resume"),
        (
            UP_TO["asked"][:5],
            "rehearsing",
            "backup-20261123-120000 was restored and compared: 12 tables, 200,000 rows",
            "gate resume",
        ),
        (
            UP_TO["asked"][:6],
            "rehearsing",
            "2 statements rehearsed in 1.8 s; the rollback SQL holds",
            "gate resume",
        ),
        (
            UP_TO["asked"],
            "waiting for approval",
            "waits until 2026-11-23 16:00 UTC for a yes to plan dddddddddddd",
            "gate approve",
        ),
        ((*UP_TO["asked"], "approved"), "approved", "approved by bob (command-line): go", "gate resume"),
        (
            (*UP_TO["asked"], "rejected"),
            "rejected",
            "rejected by bob (slack): not today; production was not touched",
            "gate resume",
        ),
        ((*UP_TO["asked"], "voided"), "checking", "the approval is void: 0002_b was edited", "gate resume"),
        (UP_TO["applying"], "applying", "the migrations are being applied to production", "gate resume"),
        ((*UP_TO["applying"], "applied"), "verifying", "the migrations are in production", "gate resume"),
        ((*UP_TO["applying"], "failed"), "recovering", "failed: the health URL answers 500", "gate resume"),
        (
            (*UP_TO["applying"], "failed", "recovering"),
            "recovering",
            "production is being brought back by restore",
            "gate resume",
        ),
        (
            (*UP_TO["applying"], "failed", "not_recovered"),
            "halted",
            "failed: x; and not brought back: y",
            "gate resume",
        ),
        ((*UP_TO["applying"], "applied", "verified", "closed"), "released", BODIES["closed"]["sentence"], ""),
    ],
)
def test_every_stage_has_its_sentence_and_its_command(
    kinds: tuple[str, ...], state: str, sentence: str, command: str
) -> None:
    story = fold(events(*kinds), START + timedelta(minutes=1), release=ID)
    assert (story.state, story.sentence) == (state, sentence)
    assert story.next == (f"{command} {ID}" if command else "")


@pytest.mark.parametrize(("outcome", "state"), list(ENDS.items()))
def test_a_closed_release_says_how_it_ended(outcome: str, state: str) -> None:
    body = {"outcome": outcome, "sentence": "the last word", "exit_code": 3}
    story = fold(events("opened", "planned", "closed", closed=body), START)
    assert (story.state, story.sentence, story.outcome, story.exit_code) == (state, "the last word", outcome, 3)
    assert story.ended_at
    assert bool(story.next) == (state == "halted")


def test_a_halted_release_is_the_one_that_pages() -> None:
    story = fold(events(*UP_TO["applying"], "failed", "not_recovered"), START)
    assert (story.outcome, story.exit_code, story.next) == ("not-recovered", 6, f"gate resume {ID}")


def test_a_request_that_nobody_answered_in_time_has_expired_by_itself() -> None:
    before, after = datetime(2026, 11, 23, 15, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert fold(events(*UP_TO["asked"]), before).state == "waiting for approval"
    story = fold(events(*UP_TO["asked"]), after)
    assert (story.state, story.next) == ("expired", f"gate resume {ID}")
    assert story.sentence == (
        "nobody decided, and the request expired at 2026-11-23 16:00 UTC; production was not touched"
    )


def test_an_approval_that_was_not_used_in_time_has_expired_too() -> None:
    story = fold(events(*UP_TO["asked"], "approved"), START + timedelta(hours=5))
    assert story.sentence == (
        "approved by bob (command-line): go, but the approval expired at 2026-11-23 16:00 UTC; "
        "production was not touched"
    )
    assert fold(events(*UP_TO["applying"]), START + timedelta(hours=5)).state == "applying"


def test_an_interrupted_release_says_during_what() -> None:
    noted = {"sentence": "interrupted"}
    story = fold(events("opened", "planned", "checked", "noted", noted=noted), START)
    assert (story.state, story.next) == ("interrupted", f"gate resume {ID}")
    assert story.sentence.startswith("interrupted while backing up; the last that is known: 3 checks ran")
    assert fold(events("opened", "planned", "noted", "claimed", noted=noted), START).state == "checking"


def test_whoever_waits_may_be_interrupted_and_the_release_still_waits() -> None:
    story = fold(events(*UP_TO["asked"], "noted", noted={"sentence": "interrupted"}), START)
    assert (story.state, story.next) == ("waiting for approval", f"gate approve {ID}")


def test_what_was_found_on_the_way_is_in_the_story() -> None:
    story = fold(events(*UP_TO["asked"], "claimed"), START)
    assert (story.id, story.digest, story.backup) == (ID, "d" * 64, "backup-20261123-120000")
    assert (story.claimed_by, story.expires_at) == ("host:1:aa", "2026-11-23T16:00:00Z")
    assert story.exit_code is None


def test_the_steps_are_named_as_the_checklist_names_them_and_timed_by_the_record() -> None:
    story = fold(events(*UP_TO["applying"], "applied", "failed", "recovering", "recovered", "closed"), START)
    assert [(step.name, step.seconds) for step in story.steps] == [
        ("Open", 0.0),
        ("Plan", 1.0),
        ("Preflight", 1.0),
        ("Back up", 1.0),
        ("Prove the backup", 1.0),
        ("Rehearse", 1.0),
        ("Ask", 1.0),
        ("Apply", 1.0),
        ("Recover", 2.0),
    ]
    assert story.steps[1].sentence == "2 migrations pending: 0001_a, 0002_b"


def test_a_clock_that_stepped_back_makes_no_negative_duration() -> None:
    first, second = events("opened", "planned")
    story = fold([first, second.model_copy(update={"at": "2020-01-01T00:00:00+00:00"})], START)
    assert [step.seconds for step in story.steps] == [0.0, 0.0]
