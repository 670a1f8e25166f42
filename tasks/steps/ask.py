"""Step 7, ask: a yes to exactly this digest, from a person, in time; the record decides, whatever else was clicked."""

from typing import NamedTuple

from tasks.decide import record_decision
from tasks.gate import segments_told
from tasks.gate.approval import Decision, Judgement, Request, Standing, request
from tasks.gate.errors import Declined, Refused
from tasks.gate.evidence import Finding, Verdict
from tasks.gate.foreseen import disagreements
from tasks.gate.hearing import Hearing, hearing, stands
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.people import person_of
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal, worst_lock_sentence
from tasks.gate.ruling import Ruling
from tasks.gate.wording import count, duration
from tasks.record import Record
from tasks.release import Release


def ask(
    release: Release,
    plan: Plan,
    evidence: str,
    *,
    loses_data: bool = False,
    authors: tuple[str, ...] = (),
    prefect: dict[str, str] | None = None,
) -> Request:
    """Put the request into the record; safe to run twice, because the same digest is asked for once."""
    asked = heard(release).request
    if asked is not None and asked.digest == plan.digest:
        return asked
    made = request(
        plan.digest,
        evidence,
        started_by=started_by(release.record),
        policy=release.policy,
        now=release.now(),
        authors=authors,
        loses_data=loses_data,
    )
    release.record.append("asked", {**made.model_dump(mode="json"), "prefect": prefect or {}})
    return made


def heard(release: Release) -> Hearing:
    """What the record says of the approval, as far as it was read."""
    return hearing(release.record.events)


def standing(release: Release, plan: Plan) -> Judgement:
    """Where the request stands now, by the record alone, every approval judged anew."""
    release.record.refresh()
    return stands(heard(release), digest=plan.digest, policy=release.policy, now=release.now())


def settled(release: Release, judgement: Judgement) -> Judgement:
    """The judgement, when it is a yes.

    Raises:
        Declined: it was rejected, or nobody approved in time.
        Refused: the request does not fit the plan any more.
    """
    if judgement.standing is Standing.APPROVED:
        return judgement
    if judgement.standing is Standing.EXPIRED:
        if release.record.last("expired") is None:
            release.record.append("expired", {"sentence": judgement.sentence})
        raise Declined(
            f"{judgement.sentence}; production was not touched", hint="start again with `gate run`", expired=True
        )
    if judgement.standing is Standing.REJECTED:
        raise Declined(f"{judgement.sentence}; production was not touched")
    raise Refused(f"nothing was released: {judgement.sentence}", hint="start a new release with `gate run`")


def answer(
    release: Release, plan: Plan, *, door: str, identity: str, approved: bool = True, comment: str = ""
) -> Ruling:
    """Record what the person answered whom this process asked itself: at the terminal, or in the form of Prefect."""
    decision = Decision(
        approved=approved,
        digest=plan.digest,
        who=person_of(release.policy, door, identity),
        door=door,
        comment=comment,
        at=release.now(),
        release=release.id,
        identity=identity,
    )
    return record_decision(release.record, decision, policy=release.policy, now=release.now())


def started_by(record: Record) -> str:
    """Who started the release."""
    opened = record.last("opened")
    return str(opened.body.get("by", "")) if opened else ""


class Evidence(NamedTuple):
    """What is put before the approvers."""

    sentences: tuple[str, ...]
    loses_data: bool


def evidence(
    plan: Plan,
    findings: tuple[Finding, ...],
    manifest: Manifest,
    proof: Proof,
    rehearsal: Rehearsal,
    passes: str = "",
) -> Evidence:
    """What the approver reads: what, where, how long it holds which locks, what is lost, what the way back costs."""
    lines = [
        f"{_what(plan)} (target {plan.target}): {', '.join(m.tag for m in plan.pending)}",
        f"rehearsed in {duration(rehearsal.seconds)} on the restored copy; {worst_lock_sentence(rehearsal)}",
        *(f"hazard: {h}" for h in plan.hazards),
        *segments_told.sentences(plan, rehearsal),
        *(f"loses: {loss}" for loss in rehearsal.losses),
        *(f"changes without being named: {s}" for s in rehearsal.surprises),
        *(f"rehearsed otherwise than foreseen: {note}" for note in disagreements(plan.effects, rehearsal)),
        *_undone(rehearsal),
        f"way back: {rehearsal.rollback.sentence}" if rehearsal.rollback.sentence else "way back: restore",
        f"{manifest.id} is proved: restored in {duration(proof.restore_seconds)}; it lacks what is written after it",
    ]
    for finding in findings:
        if finding.verdict is Verdict.WAIVED and finding.waiver is not None:
            lines.append(
                f"waived by {finding.waiver.by}: {finding.check} ({finding.sentence}): {finding.waiver.reason}"
            )
        elif finding.verdict is Verdict.WARN:
            lines.append(f"warning: {finding.title}: {finding.sentence}")
    if passes:
        lines.append(f"nothing is waited for: {passes}")
    return Evidence(tuple(lines), loses_data=bool(rehearsal.losses))


def _undone(rehearsal: Rehearsal) -> list[str]:
    if rehearsal.undo is None:
        return []
    return [f"after it: {rehearsal.undo.sentence}", *(f"left behind: {line}" for line in rehearsal.undo.leftovers[:5])]


def _what(plan: Plan) -> str:
    where = plan.identity.database
    return f"{plan.title} on {where}" if plan.title else f"{count(len(plan.pending), 'migration')} to {where}"
