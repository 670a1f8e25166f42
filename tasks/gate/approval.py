"""Where a request for approval stands: who said what to exactly which plan, and whether that is enough."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from config.policy import Policy
from tasks.gate.eligible import Asked, objection
from tasks.gate.model import Model, digest_of
from tasks.gate.people import person_of
from tasks.gate.wording import count, listing

GLASS_BREAKERS = 2  # an emergency needs two different people, never one


class Standing(StrEnum):
    """Where a request for approval stands."""

    NOT_ASKED = "not asked"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


class Request(Model):
    """What was put before the approvers."""

    digest: str
    asked_at: datetime
    expires_at: datetime
    started_by: str
    sentence: str  # the whole ask in words
    authors: tuple[str, ...] = ()  # who wrote the pending migrations, as far as git or the trigger say
    loses_data: bool = False  # the rehearsal lost rows or columns
    required: int = 1  # different people who must approve
    policy_digest: str = ""  # under which gate.toml it was asked


class Decision(Model):
    """What somebody answered."""

    approved: bool
    digest: str
    who: str  # the person, as `[[people]]` names them
    door: str  # a key of people.IDENTITY_OF_DOOR
    comment: str = ""
    at: datetime
    release: str = ""  # its id, so that no answer can be carried into another record
    identity: str = ""  # what the door knows them by: a Slack user id, a GitHub login, an operating-system user
    break_glass: bool = False  # an emergency: counts only beside another one's
    withdraws: bool = False  # a no to what was approved and still waits for its window
    facts: dict[str, str] = Field(default_factory=dict)  # what the door can prove besides


class Judgement(Model):
    """Where the request stands, and why."""

    standing: Standing
    sentence: str
    decision: Decision | None = None  # the one that settled it
    counted: tuple[Decision, ...] = ()  # the approvals that count, one a person
    emergency: tuple[Decision, ...] = ()  # the same of those who broke the glass
    required: int = 1
    missing: int = 0
    break_glass: bool = False  # two people broke the glass: it is approved, whatever else was said, and passes windows
    uncounted: tuple[str, ...] = ()  # approvals that do not count under this policy, each with its reason


def request(
    digest: str,
    sentence: str,
    *,
    started_by: str,
    policy: Policy,
    now: datetime,
    authors: Sequence[str] = (),
    loses_data: bool = False,
) -> Request:
    """Ask for approval of a digest; it expires after the policy's hours."""
    return Request(
        digest=digest,
        asked_at=now,
        expires_at=now + timedelta(hours=policy.approval.expires_hours),
        started_by=started_by,
        sentence=sentence,
        authors=tuple(authors),
        loses_data=loses_data,
        required=required(policy, loses_data=loses_data),
        policy_digest=digest_of(policy),
    )


def required(policy: Policy, *, loses_data: bool) -> int:
    """How many different people must approve."""
    rules = policy.approval
    return (rules.count_losing_data if loses_data else None) or rules.count


def person(decision: Decision, policy: Policy) -> str:
    """Who that was, by the policy of now: what the record says of a name is never taken over where an identity is."""
    return person_of(policy, decision.door, decision.identity) if decision.identity else decision.who


def judge(
    asked: Request | None, decisions: Sequence[Decision], *, digest: str, policy: Policy, now: datetime
) -> Judgement:
    """Where the request for `digest` stands at `now`; every approval is judged anew by the policy of now.

    One no ends it, unless enough people had said yes before; then only a withdrawal does. A person counts once,
    whatever doors they used.

    Args:
        asked: the newest request in the record.
        decisions: every decision recorded since, in the order of the record.
        digest: what the plan's digest is now.
        policy: gate.toml as it is now.
        now: the moment of the question.
    """
    if asked is None:
        return Judgement(standing=Standing.NOT_ASKED, sentence="nobody was asked yet")
    if asked.digest != digest:
        return Judgement(
            standing=Standing.VOID,
            sentence=f"the request was for plan {asked.digest[:12]}, and the plan is {digest[:12]} now",
        )
    tally = _Tally(asked, policy)
    for decision in decisions:
        if decision.digest == digest and tally.rejected_by(decision):
            return Judgement(standing=Standing.REJECTED, sentence=said("rejected", decision), decision=decision)
    return tally.judgement(now)


class _Tally:
    """The answers so far: who said yes, ordinarily or in an emergency."""

    def __init__(self, asked: Request, policy: Policy) -> None:
        self.asked, self.policy = asked, policy
        self.required = max(asked.required, required(policy, loses_data=asked.loses_data))
        self.ordinary: dict[str, Decision] = {}
        self.emergency: dict[str, Decision] = {}
        self.uncounted: list[str] = []
        self.settled_by: Decision | None = None

    def rejected_by(self, decision: Decision) -> bool:
        """Take one more answer; True when it ends the request."""
        if not decision.approved:
            return self.settled_by is None or decision.withdraws
        who = person(decision, self.policy)
        against = objection(
            who,
            decision.door,
            approved=True,
            asked=Asked(started_by=self.asked.started_by, authors=self.asked.authors),
            policy=self.policy,
            break_glass=decision.break_glass,
            reason=decision.comment,
        )
        if against is not None:
            self.uncounted.append(against)
            return False
        (self.emergency if decision.break_glass else self.ordinary).setdefault(who, decision)
        if self.settled_by is None and self.enough:
            self.settled_by = decision
        return False

    @property
    def enough(self) -> bool:
        return len(self.ordinary) >= self.required or len(self.emergency) >= GLASS_BREAKERS

    def judgement(self, now: datetime) -> Judgement:
        broken = len(self.emergency) >= GLASS_BREAKERS
        missing = 0 if self.enough else self.required - len(self.ordinary)
        standing, sentence = self._words(now, broken=broken, missing=missing)
        return Judgement(
            standing=standing,
            sentence=sentence,
            decision=self.settled_by,
            counted=tuple(self.ordinary.values()),
            emergency=tuple(self.emergency.values()),
            required=self.required,
            missing=missing,
            break_glass=broken,
            uncounted=tuple(self.uncounted),
        )

    def _words(self, now: datetime, *, broken: bool, missing: int) -> tuple[Standing, str]:
        yes = (*self.ordinary.values(), *self.emergency.values())
        words = listing([said("BREAK-GLASS by" if d.break_glass else "by", d) for d in yes], limit=len(yes) or 1)
        loud = "BREAK-GLASS, " if broken else ""
        if now >= self.asked.expires_at:
            until = self.asked.expires_at.strftime("%Y-%m-%d %H:%M UTC")
            late = f"{loud}approved {words}, but the approval" if yes else "nobody decided, and the request"
            return Standing.EXPIRED, f"{late} expired at {until}"
        if self.enough:
            return Standing.APPROVED, f"{loud}approved {words}"
        lapsed = f"; not counted: {self.uncounted[0]}" if self.uncounted else ""
        if not yes:
            nobody = "nobody decided yet" + (f", and {self.required} people must approve" if self.required > 1 else "")
            return Standing.WAITING, nobody + lapsed
        more = f"{count(missing, 'more approval')} {'is' if missing == 1 else 'are'} missing"
        return Standing.WAITING, f"approved {words}; {more}{lapsed}"


def said(verb: str, decision: Decision) -> str:
    """`rejected by ann (slack) at 2026-11-23 14:05:09 UTC: why`; a verb that ends in `by` keeps it."""
    by = verb if verb.endswith("by") else f"{verb} by"
    comment = f": {decision.comment}" if decision.comment else ""
    return f"{by} {decision.who} ({decision.door}) at {decision.at.strftime('%Y-%m-%d %H:%M:%S UTC')}{comment}"
