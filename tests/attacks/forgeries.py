"""What is written past every door, straight into the store, or comes from another moment or another release."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.gate.approval import Decision
from tasks.gate.chain import Event, encode
from tasks.gate.ruling import Answer
from tests.attacks.stage import RULES, Attempt, Stage

TWO = RULES + "count = 2\n"


def forge(attempt: Attempt, kind: str = "approved", **changed: Any) -> None:
    """An event as the gate writes them, without asking the gate."""
    honest = Decision(approved=True, digest=attempt.plan.digest, who="bob", door="slack", at=datetime.now(UTC))
    attempt.release.record.append(kind, {**honest.model_dump(mode="json"), "identity": "UBOB", **changed})


def a_forged_yes_of_somebody_who_may_not(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ann")
    forge(attempt, who="dan", identity="UDAN")
    forge(attempt, who="eve", identity="")
    return attempt


def a_forged_yes_with_an_approvers_name_beside_another_identity(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    forge(attempt, who="bob", identity="UEVE")
    forge(attempt, who="bob", door="github", identity="eve")
    forge(attempt, who="bob", door="prefect-ui", identity="bob")
    return attempt


def a_forged_yes_to_another_plan(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    forge(attempt, digest="e" * 64)
    return attempt


def a_forged_yes_that_says_no_inside(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    forge(attempt, approved=False)
    return attempt


def a_forged_yes_that_cannot_be_read(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.release.record.append("approved", {"approved": True, "digest": attempt.plan.digest})
    attempt.release.record.append("approved", {"who": "bob", "approved": "yes", "x": 1})
    return attempt


def a_forged_yes_that_does_not_continue_the_chain(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    record = attempt.release.record
    body = Decision(approved=True, digest=attempt.plan.digest, who="bob", door="slack", at=datetime.now(UTC))
    event = Event(
        number=len(record.events) + 1,
        kind="approved",
        at=datetime.now(UTC).isoformat(),
        by="me",
        body={**body.model_dump(mode="json"), "identity": "UBOB"},
        previous="f" * 64,
    )
    stage.store.create(f"shop/releases/{attempt.id}/{event.number:04}.json", encode(event))
    return attempt


def two_forged_emergencies_of_one_person(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    forge(attempt, break_glass=True, comment="now")
    forge(attempt, who="ann", door="command-line", identity="bob", break_glass=True, comment="now")
    return attempt


def a_second_forged_yes_of_the_same_person(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO)
    attempt.accepted("slack", "UBOB")
    forge(attempt)
    forge(attempt, who="cyd", door="command-line", identity="bob")
    return attempt


def a_forged_yes_after_a_no(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("slack", "UCYD", approved=False, comment="no")
    forge(attempt)
    return attempt


def the_decision_of_another_release(stage: Stage) -> Attempt:
    other = stage.attempt()
    other.accepted("slack", "UBOB")
    decided = next(e for e in other.release.record.refresh() or other.release.record.events if e.kind == "approved")
    attempt = stage.attempt()
    attempt.release.record.append("approved", decided.body)
    return attempt


def a_yes_that_was_given_before_the_question_became_void(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("slack", "UBOB")
    attempt.release.record.append("voided", {"reason": "0001_note changed, and changed back", "digest": ""})
    return attempt


def a_yes_to_an_earlier_question_of_the_same_release(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("slack", "UBOB")
    asked = next(e for e in attempt.release.record.events if e.kind == "asked")
    attempt.release.record.append("asked", asked.body)
    return attempt


def an_asked_event_that_wants_nobody(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO)
    asked = next(e for e in attempt.release.record.events if e.kind == "asked")
    attempt.release.record.append("asked", {**asked.body, "required": 0, "started_by": "eve"})
    attempt.accepted("slack", "UBOB")
    return attempt


def a_yes_to_the_plan_that_was_shown_before(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.refused(Answer.VOID, "slack", "UBOB", expect_digest="e" * 64)
    return attempt


def a_yes_after_a_no(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("prefect-ui", "eve", approved=False, comment="no")
    attempt.refused(Answer.ALREADY_DECIDED, "slack", "UBOB")
    return attempt


def a_yes_to_a_closed_release(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.release.record.append("closed", {"outcome": "refused", "sentence": "it ended", "exit_code": 3})
    attempt.refused(Answer.CLOSED, "slack", "UBOB")
    return attempt


def a_yes_to_a_void_question(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.release.record.append("voided", {"reason": "0001_note changed", "digest": attempt.plan.digest})
    attempt.refused(Answer.VOID, "slack", "UBOB")
    return attempt


def a_yes_after_the_expiry(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.let_late(hours=4)
    attempt.refused(Answer.EXPIRED, "slack", "UBOB")
    return attempt


def a_yes_with_the_clock_turned_back_after_the_expiry_was_written_down(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.release.record.append("expired", {"sentence": "nobody decided"})
    attempt.refused(Answer.EXPIRED, "slack", "UBOB", now=lambda: datetime.now(UTC) - timedelta(hours=1))
    return attempt


def a_yes_in_time_that_is_used_too_late(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("slack", "UBOB")
    attempt.let_late(hours=4, seconds=1)
    return attempt


def two_who_broke_the_glass_are_used_too_late(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    for identity in ("UANN", "UBOB"):
        attempt.accepted("slack", identity, break_glass=True, comment="now")
    attempt.let_late(hours=5)
    return attempt


CASES = [
    case
    for name, case in sorted(globals().items())
    if callable(case) and getattr(case, "__module__", "") == __name__ and name != "forge"
]
