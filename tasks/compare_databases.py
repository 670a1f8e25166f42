"""Compares the failed database with the restored one, table by table, key by key."""

from dataclasses import dataclass, field

from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import SCHEMA, TABLE
from tasks.clients.table_rows import Column, Table, rows, summary, tables
from tasks.gate.accounts import TableAccount
from tasks.gate.row_merge import Counted, count_differences, not_before

SALVAGE_ROWS = 1_000_000
# Types that write the same value as the same text, so that widening a column does not make every row look changed.
FAMILIES = {"smallint": "int", "integer": "int", "bigint": "int", "text": "text", "character varying": "text"}


@dataclass
class Comparison:
    """Two databases and what is known about how they came to differ."""

    failed: Connection
    restored: Connection
    boundary: int | None  # xid: what a later transaction wrote in the restored database came after the swap
    migration: frozenset[int]  # xids of the plan in the failed database, one for each of its transactions
    rewritten: frozenset[str]  # tables that the migration rewrote: there every row carries the migration's xid
    ledger: tuple[str, str] | None  # schema and name of the migrations table: it differs by definition
    notes: list[str] = field(default_factory=list)
    keep: dict[str, tuple[Table, list[str]]] = field(default_factory=dict)  # by table: ctids of what people wrote
    compared: int = 0


def compare(comparison: Comparison) -> list[TableAccount]:
    """Every table of the failed database that differs from the restored one, but the ledger and the gate's own."""
    there, here = _tables(comparison.failed, comparison), _tables(comparison.restored, comparison)
    comparison.compared = len(there)
    accounts = []
    for label, table in there.items():
        other = here.get(label) or _renamed(table, there, here)
        found = _new_table(comparison, table) if other is None else _both(comparison, table, other)
        if found is not None:
            accounts.append(found)
    renamed = {other.label for table in there.values() if (other := _renamed(table, there, here))}
    comparison.notes += [
        f"{label} is not in the failed database: what was written to it between backup and migration is lost"
        for label in sorted(here.keys() - there.keys() - renamed)
    ]
    return sorted(accounts, key=lambda account: (-account.written, account.table))


def _tables(connection: Connection, comparison: Comparison) -> dict[str, Table]:
    found = tables(connection)
    ours = {comparison.ledger, (SCHEMA, TABLE)}
    return {label: table for label, table in found.items() if (table.schema, table.name) not in ours}


def _renamed(table: Table, there: dict[str, Table], here: dict[str, Table]) -> Table | None:
    """The table that this one was called before the migration: the only one that is gone and has the same columns."""
    if table.label in here:
        return None
    gone = [t for label, t in here.items() if label not in there and t.columns == table.columns]
    come = [t for label, t in there.items() if label not in here and t.columns == table.columns]
    return gone[0] if len(gone) == 1 and len(come) == 1 else None


def _both(comparison: Comparison, table: Table, other: Table) -> TableAccount | None:
    theirs = {c.name: _family(c) for c in other.columns}
    columns = [c for c in table.columns if theirs.get(c.name) == _family(c)]
    if left_out := [c.name for c in table.columns if c.name in theirs and c not in columns]:
        comparison.notes.append(f"{table.label}: {', '.join(left_out)} changed its type and was not compared")
    if summary(comparison.failed, table, columns) == summary(comparison.restored, other, columns):
        return None
    key = _common_key(table, other)
    counted = count_differences(
        rows(comparison.failed, table, key, columns),
        rows(comparison.restored, other, key, columns),
        boundary=comparison.boundary,
        migration=() if table.label in comparison.rewritten else comparison.migration,
        keep_at_most=SALVAGE_ROWS,
    )
    return _account(comparison, table, counted, "primary key" if key else "content")


def _common_key(table: Table, other: Table) -> tuple[Column, ...]:
    return table.key if [c.name for c in table.key] == [c.name for c in other.key] else ()


def _family(column: Column) -> str:
    return FAMILIES.get(column.type.partition("(")[0], column.type)


def _new_table(comparison: Comparison, table: Table) -> TableAccount | None:
    """A table that the backup does not have: only what was written after the migration is known to be new."""
    counted = Counted()
    migration = comparison.migration
    for row in rows(comparison.failed, table, (), table.columns):
        counted.failed += 1
        if not migration or (row.xmin not in migration and any(not_before(row.xmin, xid) for xid in migration)):
            counted.inserted += 1
            counted.keep.append(row.ctid)
    if counted.failed:
        comparison.notes.append(f"{table.label} is not in the backup; it holds {counted.failed:,} rows")
    return _account(comparison, table, counted, "name")


def _account(comparison: Comparison, table: Table, counted: Counted, matched_by: str) -> TableAccount | None:
    if not (counted.inserted or counted.updated or counted.deleted):
        return None
    if counted.keep:
        comparison.keep[table.label] = (table, counted.keep)
    return TableAccount(
        table=table.label,
        inserted=counted.inserted,
        updated=counted.updated,
        deleted=counted.deleted,
        by_migration=counted.by_migration,
        rows_failed=counted.failed,
        rows_restored=counted.restored,
        matched_by=matched_by,
    )
