"""Statements of a migration that drop or change Drizzle's own table, which is the record of what ran."""

from collections.abc import Iterable, Iterator

from tasks.gate import sql
from tasks.gate.plan import Ledger, Migration, Problem
from tasks.gate.sql import ParsedStatement

DROPS = "fails at its own row (42P01), which rolls the whole run back"
WRITES = "sends it, and then skips or runs again what the changed rows say, and exits 0"
READS = ("select_stmt", "comment_stmt", "grant_stmt", "lock_stmt")


def touching(pending: Iterable[Migration], ledger: Ledger) -> Iterator[Problem]:
    """One problem for each statement of a pending migration that touches the ledger.

    Only files that mention its name are read: the rest of a plan's SQL is read elsewhere.
    """
    for migration in pending:
        if not any(_mentions(piece, ledger) for piece in migration.statements):
            continue
        for statement in sql.read(migration.file, migration.statements)[0]:
            yield from _judge(migration, statement, ledger)


def _mentions(piece: str, ledger: Ledger) -> bool:
    lowered = piece.lower()
    return ledger.table.lower() in lowered or ("schema" in lowered and ledger.schema_name.lower() in lowered)


def _judge(migration: Migration, statement: ParsedStatement, ledger: Ledger) -> Iterator[Problem]:
    place = f"{ledger.schema_name}.{ledger.table}"
    if statement.kind == "drop_stmt":
        names = {sql.object_name(node) for node in statement.node.objects}
        kind = sql.enum(statement.node, "remove_type")
        ours = {ledger.schema_name} if kind == "OBJECT_SCHEMA" else {place, ledger.table}
        if kind in ("OBJECT_SCHEMA", "OBJECT_TABLE") and names & ours:
            yield _problem(migration, f"{statement.where}: drops {place}", DROPS)
    elif statement.kind not in READS and any(_is(node, ledger) for node in _tables(statement)):
        yield _problem(migration, f"{statement.where}: changes {place}", WRITES)


def _tables(statement: ParsedStatement) -> Iterator[object]:
    return (node for kind, node in sql.nodes(statement) if kind == "RangeVar")


def _is(node: object, ledger: Ledger) -> bool:
    name = sql.relation(node)
    return name in ((ledger.schema_name, ledger.table), (ledger.table,))


def _problem(migration: Migration, cause: str, drizzle: str) -> Problem:
    return Problem(
        kind="ledger",
        tag=migration.tag,
        cause=f"{cause}, which is the record of what ran",
        drizzle=drizzle,
        remedy="remove the statement; `gate repair` mends the ledger",
    )
