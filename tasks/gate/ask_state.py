"""How an ask stands, in the few facts that every place which shows it needs: Slack, CI, the report, the terminal."""

from datetime import datetime
from enum import StrEnum

from config.policy import Policy
from tasks.gate.approval import Decision, Standing
from tasks.gate.hearing import Hearing, stands
from tasks.gate.model import Model


class AskStanding(StrEnum):
    """What a reader is told first."""

    NOT_ASKED = "not asked"
    WAITING = "waiting"  # for decisions
    APPROVED = "approved"
    HOLDING = "holding"  # approved, and waits for its window
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"
    CLOSED = "closed"  # the release has ended; buttons are gone


class AskState(Model):
    """The state of the ask; the same for every door, because it is read from the record alone."""

    standing: AskStanding
    sentence: str
    digest: str = ""
    evidence: str = ""  # the whole ask in words, one line each
    started_by: str = ""
    expires_at: datetime | None = None
    required: int = 1
    missing: int = 0
    approved_by: tuple[Decision, ...] = ()  # those that count, emergencies included
    rejected_by: Decision | None = None
    break_glass: bool = False  # somebody broke the glass: say it loudly
    holding_until: str = ""  # ISO 8601; empty where nobody knows

    @property
    def open(self) -> bool:
        """True while an answer can still be given."""
        return self.standing is AskStanding.WAITING


def ask_state(heard: Hearing, policy: Policy, now: datetime) -> AskState:
    """The state of the ask that a record holds, at `now` and under this policy."""
    asked = heard.request
    if asked is None:
        standing = AskStanding.CLOSED if heard.closed else AskStanding.NOT_ASKED
        return AskState(standing=standing, sentence=heard.closed or "nobody was asked yet")
    judged = stands(heard, policy=policy, now=now)
    standing, sentence = AskStanding(judged.standing.value), judged.sentence
    if heard.closed:
        standing, sentence = AskStanding.CLOSED, heard.closed
    elif judged.standing is Standing.EXPIRED and heard.applying:
        standing = AskStanding.APPROVED  # it was in time: what it allowed has begun
    elif judged.standing is Standing.APPROVED and heard.holding and not heard.applying:
        standing, sentence = AskStanding.HOLDING, f"{judged.sentence}; {heard.holding}"
    return AskState(
        standing=standing,
        sentence=sentence,
        digest=asked.digest,
        evidence=asked.sentence,
        started_by=asked.started_by,
        expires_at=asked.expires_at,
        required=judged.required,
        missing=judged.missing,
        approved_by=(*judged.counted, *judged.emergency),
        rejected_by=judged.decision if judged.standing is Standing.REJECTED else None,
        break_glass=bool(judged.emergency),
        holding_until=heard.holding_until if standing is AskStanding.HOLDING else "",
    )
