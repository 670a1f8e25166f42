"""Step 2, plan: journal minus ledger, and nothing but applied and pending may go on."""

from tasks.clients import postgres
from tasks.gate.errors import Refused
from tasks.gate.plan import Plan
from tasks.gate.plan_changes import change_since
from tasks.make_plan import make_plan
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
    """The plan made anew from the folder, production's ledger, the policy and the tools."""
    with postgres.connect(workshop.production_url, purpose="plan", read_only=True) as connection:
        identity = postgres.identity(connection)
        tools = tool_versions(release.settings, identity)
        return make_plan(release.settings, release.policy, connection=connection, identity=identity, tools=tools)


def recorded_plan(release: Release) -> Plan | None:
    """The plan that the record holds."""
    event = release.record.last("planned")
    return Plan.model_validate(event.body["plan"]) if event else None


def touched_production(release: Release) -> bool:
    """True once this release began to act on production."""
    return any(release.record.last(kind) is not None for kind in ("applying", "recovering", "swapping"))


def sentence(plan: Plan) -> str:
    """The step in one sentence."""
    if not plan.pending:
        return f"nothing pending, {len(plan.migrations)} applied"
    tags = ", ".join(m.tag for m in plan.pending[:3]) + (", …" if len(plan.pending) > 3 else "")  # noqa: PLR2004
    return f"{len(plan.pending)} pending ({tags}), digest {plan.digest[:12]}"


def _sentence(plan: Plan) -> str:
    more = f" (and {len(plan.problems) - 1} more, see `gate plan`)" if len(plan.problems) > 1 else ""
    return f"{plan.problems[0].cause}{more}"
