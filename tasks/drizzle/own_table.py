"""Statements of a migration that drop or change Drizzle's own table, which is the record of what ran."""

from collections.abc import Iterable, Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.plan import Ledger, Migration, Problem
from tasks.gate.sql import ParsedStatement

DROPS = "fails at its own row (42P01), which rolls the whole run back"
WRITES = "sends it, and then skips or runs again what the changed rows say, and exits 0"
# Changes of rows that stand anywhere in a statement, also in a WITH.
ROW_CHANGES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
# Statements whose relation is what they change; who may see the table, and what is said of it, changes no row.
CHANGES = ("alter_object_schema_stmt", "create_trig_stmt", "rename_stmt", "rule_stmt")
HARMLESS = {
    "AT_ChangeOwner",
    "AT_DisableRowSecurity",
    "AT_EnableRowSecurity",
    "AT_ForceRowSecurity",
    "AT_NoForceRowSecurity",
    "AT_SetRelOptions",
}


def touching(pending: Iterable[Migration], ledger: Ledger) -> Iterator[Problem]:
    """One problem for each statement of a pending migration that drops the ledger, or writes it for certain.

    Only files that mention its name are read: the rest of a plan's SQL is read elsewhere. What may leave every row as
    it is (a DELETE of a row that is not there, a block) runs, and the ledger is compared before COMMIT.
    """
    pending = list(pending)
    on_the_path = ledger.schema_name == "public" or any(
        "search_path" in piece and ledger.schema_name in piece for m in pending for piece in m.statements
    )
    names = {(ledger.schema_name, ledger.table), *([(ledger.table,)] if on_the_path else [])}
    for migration in pending:
        if not any(_mentions(piece, ledger) for piece in migration.statements):
            continue
        for statement in sql.read(migration.file, migration.statements)[0]:
            yield from _judge(migration, statement, ledger, names)


def _mentions(piece: str, ledger: Ledger) -> bool:
    lowered = piece.lower()
    return ledger.table.lower() in lowered or ("schema" in lowered and ledger.schema_name.lower() in lowered)


def _judge(
    migration: Migration, statement: ParsedStatement, ledger: Ledger, names: set[tuple[str, ...]]
) -> Iterator[Problem]:
    place = f"{ledger.schema_name}.{ledger.table}"
    if statement.kind == "drop_stmt":
        dropped = {sql.object_name(node) for node in statement.node.objects}
        kind = sql.enum(statement.node, "remove_type")
        ours = {ledger.schema_name} if kind == "OBJECT_SCHEMA" else {".".join(name) for name in names}
        if kind in ("OBJECT_SCHEMA", "OBJECT_TABLE") and dropped & ours:
            yield _problem(migration, f"{statement.where}: drops {place}", DROPS)
    elif any(sql.relation(node) in names for node in _changed(statement)):
        yield _problem(migration, f"{statement.where}: changes {place}", WRITES)


def _changed(statement: ParsedStatement) -> Iterator[Any]:
    """The tables that a statement changes for certain."""
    node = statement.node
    if statement.kind == "truncate_stmt":
        yield from (item.range_var for item in node.relations)
    elif (
        statement.kind in CHANGES
        or (statement.kind == "copy_stmt" and node.is_from)
        or (statement.kind == "create_stmt" and not node.if_not_exists)
        or (statement.kind == "alter_table_stmt" and not _is_harmless(node))
    ):
        yield node.relation
    for kind, inner in sql.nodes(statement):
        if kind in ROW_CHANGES and not (kind in ("DeleteStmt", "UpdateStmt") and inner.HasField("where_clause")):
            yield inner.relation


def _is_harmless(node: Any) -> bool:
    return all(sql.enum(item.alter_table_cmd, "subtype") in HARMLESS for item in node.cmds)


def _problem(migration: Migration, cause: str, drizzle: str) -> Problem:
    return Problem(
        kind="ledger",
        tag=migration.tag,
        cause=f"{cause}, which is the record of what ran",
        drizzle=drizzle,
        remedy="remove the statement; `gate repair` mends the ledger",
    )
