"""Who may say yes, to what, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Approval
from tasks.gate.approval import Decision, Request, Standing, judge, objection, request

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIGEST = "d" * 64


def asked(digest: str = DIGEST, hours: float = 4.0) -> Request:
    return request(digest, "what", started_by="ann", policy=Approval(expires_hours=hours), now=NOON)


def said(*, approved: bool = True, digest: str = DIGEST, who: str = "bob", minutes: float = 1) -> Decision:
    return Decision(
        approved=approved, digest=digest, who=who, door="command-line", at=NOON + timedelta(minutes=minutes)
    )


def test_an_approval_of_exactly_this_digest_in_time_approves():
    judgement = judge(asked(), [said()], digest=DIGEST, now=NOON + timedelta(minutes=5))
    assert judgement.standing is Standing.APPROVED
    assert judgement.sentence == "approved by bob (command-line) at 2026-11-23 12:01:00 UTC"


def test_an_approval_of_another_digest_approves_nothing():
    judgement = judge(asked(), [said(digest="e" * 64)], digest=DIGEST, now=NOON + timedelta(minutes=5))
    assert judgement.standing is Standing.WAITING


def test_a_plan_that_changed_voids_the_request_and_says_both_digests():
    judgement = judge(asked(), [said()], digest="e" * 64, now=NOON)
    assert judgement.standing is Standing.VOID
    assert judgement.sentence == f"the request was for plan {'d' * 12}, and the plan is {'e' * 12} now"


def test_an_approval_expires_even_when_it_was_given():
    judgement = judge(asked(), [said()], digest=DIGEST, now=NOON + timedelta(hours=4))
    assert judgement.standing is Standing.EXPIRED
    assert judgement.sentence.endswith("but the approval expired at 2026-11-23 16:00 UTC")


def test_nobody_decides_and_it_expires():
    judgement = judge(asked(), [], digest=DIGEST, now=NOON + timedelta(hours=5))
    assert judgement.sentence == "nobody decided, and the request expired at 2026-11-23 16:00 UTC"


def test_a_rejection_stays_a_rejection_after_the_expiry():
    judgement = judge(asked(), [said(approved=False)], digest=DIGEST, now=NOON + timedelta(days=9))
    assert judgement.standing is Standing.REJECTED


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_the_first_decision_counts_and_later_ones_change_nothing(answers: list[bool]):
    decisions = [said(approved=a, who=f"p{i}") for i, a in enumerate(answers)]
    judgement = judge(asked(), decisions, digest=DIGEST, now=NOON + timedelta(minutes=5))
    assert judgement.decision == decisions[0]
    assert judgement.standing is (Standing.APPROVED if answers[0] else Standing.REJECTED)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001
def test_nothing_is_ever_approved_without_a_recorded_decision(now: datetime):
    assert judge(asked(), [], digest=DIGEST, now=now.replace(tzinfo=UTC)).standing is not Standing.APPROVED


@pytest.mark.parametrize(
    ("policy", "who", "door", "sentence"),
    [
        (Approval(), "ann", "command-line", None),
        (Approval(), "ann", "prefect-ui", None),
        (Approval(), " ", "command-line", "a decision needs a name"),
        (Approval(approvers=("bob",)), "bob", "command-line", None),
        (
            Approval(approvers=("bob",)),
            "eve",
            "command-line",
            "eve is not among the approvers that gate.toml names: bob",
        ),
        (
            Approval(approvers=("ann", "bob")),
            "ann",
            "command-line",
            "ann started this release, and gate.toml does not let the one who starts approve",
        ),
        (Approval(approvers=("ann",), self_approval=True), "ann", "command-line", None),
        (
            Approval(approvers=("bob",)),
            "bob",
            "prefect-ui",
            "gate.toml does not count approvals from the Prefect UI, where a name is only typed",
        ),
        (Approval(approvers=("bob",), prefect_ui=True), "bob", "prefect-ui", None),
    ],
)
def test_who_may_approve_through_which_door(policy: Approval, who: str, door: str, sentence: str | None):
    assert objection(who, door, approved=True, started_by="ann", policy=policy) == sentence


def test_anybody_with_a_name_may_stop_a_release():
    policy = Approval(approvers=("bob",))
    assert objection("eve", "prefect-ui", approved=False, started_by="ann", policy=policy) is None
