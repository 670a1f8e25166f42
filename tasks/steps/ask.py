"""Step 7, ask: a yes to exactly this digest, from a person, in time; the record decides, whatever else was clicked."""

from tasks.gate.approval import Decision, Judgement, Request, Standing, judge, objection, request
from tasks.gate.errors import Declined, Refused
from tasks.gate.evidence import Finding, Verdict
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal, worst_lock_sentence
from tasks.gate.wording import count, duration
from tasks.record import Record
from tasks.release import Release


def ask(release: Release, plan: Plan, evidence: str, *, prefect: dict[str, str] | None = None) -> Request:
    """Put the request into the record; safe to run twice, because the same digest is asked for once."""
    asked = asked_request(release.record)
    if asked is not None and asked.digest == plan.digest:
        return asked
    made = request(
        plan.digest,
        evidence,
        started_by=started_by(release.record),
        policy=release.policy.approval,
        now=release.now(),
    )
    release.record.append("asked", {**made.model_dump(mode="json"), "prefect": prefect or {}})
    return made


def standing(release: Release, plan: Plan) -> Judgement:
    """Where the request stands now, by the record alone."""
    release.record.refresh()
    return judge(asked_request(release.record), decisions(release.record), digest=plan.digest, now=release.now())


def settled(release: Release, judgement: Judgement) -> Decision:
    """The approval, when there is one.

    Raises:
        Declined: it was rejected, or nobody approved in time.
        Refused: the request does not fit the plan any more.
    """
    if judgement.standing is Standing.APPROVED and judgement.decision is not None:
        return judgement.decision
    if judgement.standing is Standing.EXPIRED:
        if release.record.last("expired") is None:
            release.record.append("expired", {"sentence": judgement.sentence})
        raise Declined(
            f"{judgement.sentence}; production was not touched", hint="start again with `gate run`", expired=True
        )
    if judgement.standing is Standing.REJECTED:
        raise Declined(f"{judgement.sentence}; production was not touched")
    raise Refused(f"nothing was released: {judgement.sentence}", hint="start a new release with `gate run`")


def decide(record: Record, decision: Decision, *, policy_objection: str | None) -> None:
    """Write a decision, once.

    Raises:
        Refused: this person may not decide.
        AlreadyDecided: somebody was first.
    """
    if policy_objection is not None:
        raise Refused(
            f"{policy_objection}; nothing was decided", hint="ask somebody whom [approval] in gate.toml names"
        )
    record.decide("approved" if decision.approved else "rejected", decision)


def may_decide(release: Release, who: str, door: str, *, approved: bool) -> str | None:
    """Why this person may not decide on this release through this door; None when they may."""
    return objection(
        who, door, approved=approved, started_by=started_by(release.record), policy=release.policy.approval
    )


def asked_request(record: Record) -> Request | None:
    """The newest request in the record."""
    event = record.last("asked")
    if event is None:
        return None
    return Request.model_validate({k: v for k, v in event.body.items() if k != "prefect"})


def decisions(record: Record) -> list[Decision]:
    """Every decision, in the order of the record."""
    return [Decision.model_validate(e.body) for e in record.events if e.kind in {"approved", "rejected"}]


def started_by(record: Record) -> str:
    """Who started the release."""
    opened = record.last("opened")
    return str(opened.body.get("by", "")) if opened else ""


def evidence_sentences(
    plan: Plan, findings: tuple[Finding, ...], manifest: Manifest, proof: Proof, rehearsal: Rehearsal
) -> list[str]:
    """What the approver reads: what, where, how long it holds which locks, what is lost, what the way back costs."""
    lines = [
        f"{_what(plan)} (target {plan.target}): {', '.join(m.tag for m in plan.pending)}",
        f"rehearsed in {duration(rehearsal.seconds)} on the restored copy; {worst_lock_sentence(rehearsal)}",
        *(f"hazard: {h}" for h in plan.hazards),
        *(f"loses: {loss}" for loss in rehearsal.losses),
        *(f"changes without being named: {s}" for s in rehearsal.surprises),
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
    return lines


def _what(plan: Plan) -> str:
    where = plan.identity.database
    return f"{plan.title} on {where}" if plan.title else f"{count(len(plan.pending), 'migration')} to {where}"
