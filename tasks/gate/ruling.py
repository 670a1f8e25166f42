"""What becomes of one more answer to a request, decided the same way for every door."""

from datetime import datetime
from enum import StrEnum

from config.policy import Policy
from tasks.gate.approval import GLASS_BREAKERS, Decision, Judgement, Standing, person, said
from tasks.gate.eligible import Asked, objection
from tasks.gate.hearing import Hearing, stands
from tasks.gate.model import Model, digest_of
from tasks.gate.wording import count


class Answer(StrEnum):
    """What a door tells the person."""

    ACCEPTED = "accepted"  # it is recorded
    ALREADY_COUNTED = "already counted"  # this person said yes before; nothing was recorded
    ALREADY_DECIDED = "already decided"  # somebody was first; nothing was recorded
    REFUSED = "refused"  # this person may not
    EXPIRED = "expired"  # it is too late
    VOID = "void"  # the plan, or the policy, is another one now
    NOT_ASKED = "not asked"  # the release does not wait for anybody
    CLOSED = "closed"  # the release has ended
    UNKNOWN = "unknown"  # there is no such release


class Ruling(Model):
    """The answer to an answer, ready to be shown as it is."""

    answer: Answer
    sentence: str
    hint: str = ""
    decision: Decision | None = None  # what was recorded; else the one that stands
    missing: int = 0  # approvals by other people that are still needed; 0 once it is decided

    @property
    def accepted(self) -> bool:
        """True when the answer was recorded."""
        return self.answer is Answer.ACCEPTED


def rule(release: str, heard: Hearing, decision: Decision, *, policy: Policy, now: datetime) -> Ruling:
    """Whether this answer is to be recorded, and what to say.

    Args:
        release: its id, for the words.
        heard: what the record holds.
        decision: the answer to the plan that its digest names, with the person in `who` and `withdraws` unset.
        policy: gate.toml as it is now.
        now: the moment of the answer.
    """
    if heard.closed:
        return Ruling(answer=Answer.CLOSED, sentence=f"release {release} is closed: {heard.closed}")
    asked = heard.request
    if asked is None:
        return Ruling(
            answer=Answer.NOT_ASKED,
            sentence=f"release {release} does not wait for a decision; nothing was decided",
            hint="gate status shows what waits",
        )
    if decision.digest != asked.digest:
        was = f"you were shown plan {decision.digest[:12]}, and release {release} asks for {asked.digest[:12]}"
        return Ruling(answer=Answer.VOID, sentence=f"{was}; nothing was decided", hint="look at the newest request")
    judged = stands(heard, policy=policy, now=now)
    if settled := _settled(release, heard, decision, judged):
        return settled
    return _weighed(release, heard, decision, judged, policy)


def _settled(release: str, heard: Hearing, decision: Decision, judged: Judgement) -> Ruling | None:
    if judged.standing is Standing.VOID:
        return Ruling(answer=Answer.VOID, sentence=f"release {release}: {judged.sentence}; nothing was decided")
    if judged.standing is Standing.EXPIRED:
        return Ruling(
            answer=Answer.EXPIRED,
            sentence=f"too late for release {release}: {judged.sentence}; nothing was decided",
            hint="start again with `gate run`",
            decision=judged.decision,
        )
    holds = judged.standing is Standing.APPROVED and heard.holding and not heard.applying
    breaks = decision.break_glass and not judged.break_glass
    if judged.standing is Standing.WAITING and heard.applying:  # another gate.toml than the release's sees it so
        return Ruling(
            answer=Answer.ALREADY_DECIDED,
            sentence=f"release {release} was approved, and production is being changed already; nothing was decided",
            hint="gate status shows what comes of it",
        )
    if judged.standing is Standing.WAITING or (holds and (breaks or not decision.approved)):
        return None  # what waits for its window can still be stopped, or let through in an emergency
    return Ruling(
        answer=Answer.ALREADY_DECIDED,
        sentence=f"release {release} was decided already: {judged.sentence}; nothing was changed",
        hint="gate status shows what comes of it",
        decision=judged.decision,
    )


def _weighed(release: str, heard: Hearing, decision: Decision, judged: Judgement, policy: Policy) -> Ruling:
    asked = heard.request
    assert asked is not None, "the caller has looked"
    if decision.approved and asked.policy_digest not in {"", digest_of(policy)}:
        return Ruling(
            answer=Answer.VOID,
            sentence=f"gate.toml is not what it was when release {release} asked; nothing was decided",
            hint="start a new release with `gate run`; where gate.toml did not change, bring this copy up to date",
        )
    against = objection(
        decision.who,
        decision.door,
        approved=decision.approved,
        asked=Asked(started_by=asked.started_by, authors=asked.authors),
        policy=policy,
        break_glass=decision.break_glass,
        reason=decision.comment,
    )
    if against is not None:
        return Ruling(
            answer=Answer.REFUSED,
            sentence=f"{against}; nothing was decided",
            hint="ask somebody whom [approval] in gate.toml names",
            missing=judged.missing,
        )
    if not decision.approved:
        # A door with another gate.toml may not see that it was approved: its no must count there all the same.
        known = asked.policy_digest in {"", digest_of(policy)}
        recorded = decision.model_copy(update={"withdraws": judged.standing is Standing.APPROVED or not known})
        return Ruling(answer=Answer.ACCEPTED, sentence=f"rejected {release} as {decision.who}", decision=recorded)
    return _yes(release, decision, judged, policy)


def _yes(release: str, decision: Decision, judged: Judgement, policy: Policy) -> Ruling:
    same = judged.emergency if decision.break_glass else judged.counted
    earlier = next((d for d in same if person(d, policy) == decision.who), None)
    given = len(same) + (earlier is None)
    missing = max(0, (GLASS_BREAKERS if decision.break_glass else judged.required) - given)
    wanted = f"; {count(missing, 'approval')} by other people still missing" if missing else ""
    if earlier is not None:
        return Ruling(
            answer=Answer.ALREADY_COUNTED,
            sentence=f"{said('approved', earlier)}, and one person counts once{wanted}; nothing was recorded",
            decision=earlier,
            missing=missing,
        )
    loud = "BREAK-GLASS: " if decision.break_glass else ""
    return Ruling(
        answer=Answer.ACCEPTED,
        sentence=f"{loud}approved {release} as {decision.who}, for plan {decision.digest[:12]}{wanted}",
        decision=decision,
        missing=missing,
    )
