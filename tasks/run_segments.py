"""Runs a whole plan on a database of ours, in its segments where it has some, as production will see it."""

from collections.abc import Sequence

from tasks.clients import postgres
from tasks.clients.postgres import Connection
from tasks.gate.plan import Folder, Migration, Plan
from tasks.gate.segment import Segment
from tasks.read_scripts import read_segments
from tasks.run_alone import recorded_before, run_alone
from tasks.tool import run, run_parts, tool


class _Unwatched:
    """An observer that has nothing to do."""

    def before(self, connection: Connection, segment: Segment) -> None:
        """Nothing."""

    def after(self, connection: Connection, segment: Segment, seconds: float) -> None:
        """Nothing."""

    def finishing(self, connection: Connection) -> None:
        """Nothing."""


def plan_over(connection: Connection, folder: Folder, pending: Sequence[Migration], ledger: tuple[str, str]) -> Plan:
    """Migrations as a plan over a database of ours, in segments where a release would have them, too.

    Args:
        connection: to that database.
        folder: which tool it is of.
        pending: what will run.
        ledger: schema and table.
    """
    identity = postgres.identity(connection)
    return Plan(
        target=identity.database,
        identity=identity,
        tool=folder.tool,
        generation=folder.generation,
        ledger_schema=ledger[0],
        ledger_table=ledger[1],
        ledger_head=tool(folder.tool).read_ledger(connection, *ledger).head,
        migrations=(),
        pending=tuple(pending),
        segments=read_segments(pending, identity.major),
    )


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
