"""Step 2, plan: journal minus ledger, and nothing but applied and pending may go on."""

from tasks.clients import postgres
from tasks.gate.errors import Refused
from tasks.gate.plan import Plan, Purpose
from tasks.gate.plan_changes import change_since
from tasks.gate.wording import count
from tasks.occasion import Occasion
from tasks.planners import plan_for
from tasks.release import Release
from tasks.workshop import Workshop, tool_versions


def plan(release: Release, workshop: Workshop) -> Plan:
    """The plan of this release; safe to run twice, because a recorded plan is only compared, never replaced.

    Raises:
        Refused: a migration is neither applied nor pending, or something changed since the plan was recorded.
    """
    recorded = recorded_plan(release)
    if recorded is not None and touched_production(release):
        return recorded  # the ledger has moved by our own doing: production is judged by the probe, not by a new plan
    fresh = current_plan(release, workshop)
    if recorded is None:
        release.record.append("planned", {"plan": fresh.model_dump(mode="json"), "digest": fresh.digest})
        recorded = fresh
    elif change := change_since(recorded, fresh):
        release.record.append("voided", {"reason": change, "digest": recorded.digest})
        raise Refused(
            f"what was checked and approved is not what is there now: {change}",
            hint="start a new release with `gate run`; this one ends here and production is untouched",
        )
    if recorded.problems:
        raise Refused(_sentence(recorded), hint=recorded.problems[0].remedy)
    return recorded


def current_plan(release: Release, workshop: Workshop) -> Plan:
    """The plan made anew, by the planner of its purpose: from the folder, the ledger, the policy and the tools."""
    with postgres.connect(workshop.production_url, purpose="plan", read_only=True) as connection:
        identity = postgres.identity(connection)
        tools = tool_versions(release.settings, identity)
        purpose, subject = purpose_of(release)
        occasion = Occasion(
            settings=release.settings,
            policy=release.policy,
            store=release.store,
            connection=connection,
            identity=identity,
            tools=tools,
            subject=subject,
        )
        return plan_for(purpose, occasion)


def purpose_of(release: Release) -> tuple[Purpose, str]:
    """Why this release was opened, and on what; a release of migrations unless its record says otherwise."""
    opened = release.record.last("opened")
    body = opened.body if opened else {}
    return Purpose(body.get("purpose", Purpose.RELEASE)), str(body.get("subject", ""))


def recorded_plan(release: Release) -> Plan | None:
    """The plan that the record holds."""
    event = release.record.last("planned")
    return Plan.model_validate(event.body["plan"]) if event else None


def touched_production(release: Release) -> bool:
    """True once this release began to act on production."""
    return any(release.record.last(kind) is not None for kind in ("applying", "recovering", "swapping"))


def sentence(plan: Plan) -> str:
    """The step in one sentence."""
    if plan.title:
        return f"{plan.title}, digest {plan.digest[:12]}"
    if not plan.pending:
        return f"nothing pending, {len(plan.migrations)} applied"
    tags = ", ".join(m.tag for m in plan.pending[:3]) + (", …" if len(plan.pending) > 3 else "")  # noqa: PLR2004
    parts = f", in {count(len(plan.segments), 'segment')}" if plan.segments else ""
    return f"{len(plan.pending)} pending ({tags}){parts}, digest {plan.digest[:12]}"


def _sentence(plan: Plan) -> str:
    more = f" (and {len(plan.problems) - 1} more, see `gate plan`)" if len(plan.problems) > 1 else ""
    return f"{plan.problems[0].cause}{more}"
