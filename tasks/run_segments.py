"""Runs a whole plan on a database of ours, in its segments where it has some, as production will see it."""

from collections.abc import Sequence

from tasks.clients.postgres import Connection
from tasks.gate.plan import Plan
from tasks.gate.segment import Segment
from tasks.run_alone import recorded_before, run_alone
from tasks.tool import run, run_parts


class _Unwatched:
    """An observer that has nothing to do."""

    def before(self, connection: Connection, segment: Segment) -> None:
        """Nothing."""

    def after(self, connection: Connection, segment: Segment, seconds: float) -> None:
        """Nothing."""


def run_plan(connection: Connection, plan: Plan) -> None:
    """Run a plan in as many transactions as it needs.

    Args:
        connection: in autocommit mode, to a database that nobody else uses.
        plan: its ledger head must still be what the database has.

    Raises:
        StatementFailed: a statement failed; earlier segments stay.
    """
    if not plan.segments:
        run(connection, plan)
    run_some(connection, plan, plan.segments)


def run_some(connection: Connection, plan: Plan, segments: Sequence[Segment]) -> None:
    """Run the first segments of a plan.

    Raises:
        StatementFailed: as `run_plan`.
    """
    for segment in segments:
        if segment.alone is None:
            run_parts(connection, plan, segment.parts, recorded=recorded_before(plan, segment))
        else:
            run_alone(connection, plan, segment, _Unwatched(), rows=None)
