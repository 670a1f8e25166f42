"""Who makes the plan: one planner for each purpose, and what every one of them is given."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.gate.identity import Identity
from tasks.gate.plan import Plan, Problem, Purpose
from tasks.make_plan import make_plan


class Occasion(NamedTuple):
    """What a plan is made from."""

    settings: Settings
    policy: Policy
    store: ObjectStore  # holds the records of earlier releases
    connection: psycopg.Connection[tuple[Any, ...]]  # to production, read-only
    identity: Identity  # what production says of itself
    tools: dict[str, str]  # versions of the programs that will act
    subject: str = ""  # what was asked for with another purpose, as it was typed


Planner = Callable[[Occasion], Plan]


def _release(occasion: Occasion) -> Plan:
    return make_plan(
        occasion.settings,
        occasion.policy,
        connection=occasion.connection,
        identity=occasion.identity,
        tools=occasion.tools,
    )


PLANNERS: dict[Purpose, Planner] = {Purpose.RELEASE: _release}


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
