"""Who may say yes, to exactly what, and until when: one pure function for every door."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from config.policy import Approval as ApprovalPolicy
from tasks.gate.model import Model

UNTRUSTED_DOORS = ("prefect-ui",)  # the name is only typed there


class Standing(StrEnum):
    """Where a request for approval stands."""

    NOT_ASKED = "not asked"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


class Request(Model):
    """What was put before the approver."""

    digest: str
    asked_at: datetime
    expires_at: datetime
    started_by: str
    sentence: str  # the whole ask in words


class Decision(Model):
    """What somebody answered."""

    approved: bool
    digest: str
    who: str
    door: str  # "command-line", "terminal", "prefect-ui", ...
    comment: str = ""
    at: datetime


class Judgement(Model):
    """Where the request stands, and why."""

    standing: Standing
    sentence: str
    decision: Decision | None = None


def request(digest: str, sentence: str, *, started_by: str, policy: ApprovalPolicy, now: datetime) -> Request:
    """Ask for approval of a digest; it expires after the policy's hours."""
    return Request(
        digest=digest,
        asked_at=now,
        expires_at=now + timedelta(hours=policy.expires_hours),
        started_by=started_by,
        sentence=sentence,
    )


def objection(who: str, door: str, *, approved: bool, started_by: str, policy: ApprovalPolicy) -> str | None:
    """Why this person may not decide through this door; None when they may.

    A rejection only needs a named person: stopping is always allowed.
    """
    if not who.strip():
        return "a decision needs a name"
    if not approved:
        return None
    if policy.approvers and who not in policy.approvers:
        return f"{who} is not among the approvers that gate.toml names: {', '.join(policy.approvers)}"
    itself = policy.self_approval if policy.self_approval is not None else not policy.approvers
    if who == started_by and not itself:
        return f"{who} started this release, and gate.toml does not let the one who starts approve"
    typed = policy.prefect_ui if policy.prefect_ui is not None else not policy.approvers
    if door in UNTRUSTED_DOORS and not typed:
        return "gate.toml does not count approvals from the Prefect UI, where a name is only typed"
    return None


def judge(asked: Request | None, decisions: Sequence[Decision], *, digest: str, now: datetime) -> Judgement:
    """Where the request for `digest` stands at `now`: the first decision on it counts, later ones change nothing.

    Args:
        asked: the newest request in the record.
        decisions: every recorded decision, in the order of the record.
        digest: what the plan's digest is now.
        now: the moment of the question.
    """
    if asked is None:
        return Judgement(standing=Standing.NOT_ASKED, sentence="nobody was asked yet")
    if asked.digest != digest:
        return Judgement(
            standing=Standing.VOID,
            sentence=f"the request was for plan {asked.digest[:12]}, and the plan is {digest[:12]} now",
        )
    first = next((d for d in decisions if d.digest == digest), None)
    if first is not None and not first.approved:
        return Judgement(standing=Standing.REJECTED, sentence=_said("rejected", first), decision=first)
    if now >= asked.expires_at:
        until = asked.expires_at.strftime("%Y-%m-%d %H:%M UTC")
        late = f"{_said('approved', first)}, but the approval" if first else "nobody decided, and the request"
        return Judgement(standing=Standing.EXPIRED, sentence=f"{late} expired at {until}", decision=first)
    if first is None:
        return Judgement(standing=Standing.WAITING, sentence="nobody decided yet")
    return Judgement(standing=Standing.APPROVED, sentence=_said("approved", first), decision=first)


def _said(verb: str, decision: Decision) -> str:
    comment = f": {decision.comment}" if decision.comment else ""
    return f"{verb} by {decision.who} ({decision.door}) at {decision.at.strftime('%Y-%m-%d %H:%M:%S UTC')}{comment}"
