"""The four verbs of a migration tool; a second tool joins by one more entry in the list."""

from collections.abc import Sequence

from config.settings import Settings
from tasks.dbmate import applying as dbmate_applying
from tasks.dbmate import folder as dbmate_folder
from tasks.dbmate import ledger as dbmate_ledger
from tasks.dbmate import rollbacks as dbmate_rollbacks
from tasks.dbmate import states as dbmate_states
from tasks.drizzle.applying import apply
from tasks.drizzle.find_ledger import find_ledger
from tasks.drizzle.folder import holds, read_folder
from tasks.drizzle.journal import JOURNAL
from tasks.drizzle.ledger import read_ledger
from tasks.drizzle.remarks import remarks
from tasks.drizzle.repairs import repairs
from tasks.drizzle.rows import forget, key, transaction_of, written
from tasks.drizzle.states import states
from tasks.drizzle.verdicts import with_drizzles_part
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Plan
from tasks.gate.progress import recorded_rows
from tasks.gate.segment import Part
from tasks.gate.take_back import Rows
from tasks.rollbacks import find_rollbacks
from tasks.run_in_transaction import Observer
from tasks.statement_failures import StatementFailed
from tasks.tool_verbs import Connection, Tool

__all__ = [
    "DBMATE",
    "DRIZZLE",
    "TOOLS",
    "Connection",
    "Observer",
    "StatementFailed",
    "Tool",
    "ledger_place",
    "run",
    "run_parts",
    "tool",
    "tool_of",
]


def run(connection: Connection, plan: Plan, observer: Observer | None = None) -> None:
    """Run a plan, whatever its purpose, in one transaction with what it does to the ledger.

    Args:
        connection: in autocommit mode, outside a transaction.
        plan: its ledger head must still be what the database has.
        observer: told about every piece and about the COMMIT.
    """
    tool(plan.tool).apply(
        connection,
        generation=plan.generation,
        schema=plan.ledger_schema,
        table=plan.ledger_table,
        pending=plan.pending,
        observer=observer,
        ledger_head=plan.ledger_head,
        ledger_head_after=plan.ledger_head_after,
    )


def run_parts(
    connection: Connection, plan: Plan, parts: Sequence[Part], *, recorded: int, observer: Observer | None = None
) -> None:
    """Run one transaction of a plan that needs several, with the rows of the migrations that are whole with it.

    Args:
        connection: in autocommit mode, outside a transaction.
        plan: in segments.
        parts: of one segment; none of their statements may need to run outside a transaction.
        recorded: how many of the plan's migrations the ledger must hold by now.
        observer: told about every statement and about the COMMIT.

    Raises:
        Refused: the ledger is not as this plan left it.
        StatementFailed: as `run`.
    """
    using = tool(plan.tool)
    ledger = using.read_ledger(connection, plan.ledger_schema, plan.ledger_table)
    if recorded_rows(ledger, plan) != recorded:
        raise Refused(
            f"the ledger {ledger.schema_name}.{ledger.table} changed between two segments of the plan",
            hint="somebody else migrates this database; compare `gate status` with the release's report",
        )
    using.apply(
        connection,
        generation=plan.generation,
        schema=plan.ledger_schema,
        table=plan.ledger_table,
        pending=plan.pending,
        parts=parts,
        observer=observer,
        ledger_head=ledger.head,
    )


DRIZZLE = Tool(
    name="drizzle",
    read_folder=read_folder,
    read_ledger=read_ledger,
    states=states,
    apply=apply,
    find_ledger=find_ledger,
    remarks=remarks,
    explain=with_drizzles_part,
    rollbacks=lambda _folder, beside, migrations: find_rollbacks(beside, migrations),
    rows=Rows(written, key),
    forget=forget,
    holds=holds,
    ledger=("drizzle", "__drizzle_migrations"),
    transaction_of=transaction_of,
    journal=JOURNAL,
    repairs=repairs,
)
DBMATE = Tool(
    name="dbmate",
    read_folder=dbmate_folder.read_folder,
    read_ledger=dbmate_ledger.read_ledger,
    states=dbmate_states.states,
    apply=dbmate_applying.apply,
    find_ledger=dbmate_ledger.find_ledger,
    remarks=dbmate_states.remarks,
    explain=tuple,
    rollbacks=dbmate_rollbacks.rollbacks,
    rows=Rows(dbmate_ledger.written, dbmate_ledger.key),
    forget=dbmate_ledger.forget,
    holds=dbmate_folder.holds,
    ledger=("public", "schema_migrations"),
    transaction_of=dbmate_ledger.transaction_of,
    rollbacks_inside=True,
)
TOOLS: tuple[Tool, ...] = (DRIZZLE, DBMATE)


def tool(name: str) -> Tool:
    """The tool of that name.

    Raises:
        ConfigurationError: there is none.
    """
    for known in TOOLS:
        if known.name == name:
            return known
    raise ConfigurationError(
        f"no migration tool is called {name}", hint=f"known are {', '.join(known.name for known in TOOLS)}"
    )


def tool_of(settings: Settings) -> Tool:
    """The tool that GATE_TOOL names, else the one whose files the migrations folder holds; Drizzle where it holds none.

    Raises:
        ConfigurationError: no tool has that name.
    """
    if settings.tool:
        return tool(settings.tool)
    return next((known for known in TOOLS if known.holds(settings.migrations)), DRIZZLE)


def ledger_place(settings: Settings) -> tuple[str, str]:
    """Schema and table of the ledger: as they are set, else the tool's own."""
    schema, table = tool_of(settings).ledger
    given = settings.model_fields_set
    return (
        settings.migrations_schema if "migrations_schema" in given else schema,
        settings.migrations_table if "migrations_table" in given else table,
    )
