"""Who makes the plan: one planner for each purpose."""

from collections.abc import Callable

from tasks.gate.plan import Plan, Problem, Purpose
from tasks.make_plan import make_plan
from tasks.occasion import Occasion
from tasks.plan_repair import plan_repair
from tasks.plan_rollback import plan_rollback

Planner = Callable[[Occasion], Plan]


def _release(occasion: Occasion) -> Plan:
    return make_plan(
        occasion.settings,
        occasion.policy,
        connection=occasion.connection,
        identity=occasion.identity,
        tools=occasion.tools,
    )


PLANNERS: dict[Purpose, Planner] = {
    Purpose.RELEASE: _release,
    Purpose.ROLLBACK: plan_rollback,
    Purpose.REPAIR: plan_repair,
}


def plan_for(purpose: Purpose, occasion: Occasion) -> Plan:
    """The plan of this purpose; writes nothing, safe to run any number of times.

    Raises:
        ConfigurationError, Refused: as the planner of that purpose says.
    """
    plan = PLANNERS[purpose](occasion)
    if plan.pending and not plan.problems and plan.ledger_head_after == plan.ledger_head:
        same = Problem(
            kind="ledger",
            cause=f"this {purpose} would leave the ledger as it is, so nobody could tell later whether it ran",
            remedy="`gate status` shows what the ledger holds",
        )
        return plan.model_copy(update={"problems": (same,)})
    return plan
