"""Drizzle's own row of a migration: what it writes, how it is recognised, and the text that removes exactly it."""

from psycopg import sql

from tasks.gate.plan import LedgerRow, Migration
from tasks.guarded import guarded

TRANSACTION = "select xmin::text::bigint from {ledger} where hash = {hash} order by id desc limit 1"
FORGET = "delete from {ledger} where id = {id} and hash = {hash} and created_at is not distinct from {created_at}"


def written(migration: Migration, generation: int) -> LedgerRow:
    """The row as Drizzle writes it, its id aside."""
    name = migration.name if generation == 1 else None
    return LedgerRow(id=None, hash=migration.hash, created_at=migration.created_at, name=name)


def key(row: LedgerRow, generation: int) -> tuple[object, ...]:
    """What tells rows apart: the same for a row and for what `written` gives of its file.

    An upgraded row of generation 1 keeps generation 0's time, so there the name counts.
    """
    return (row.hash, row.name) if generation == 1 else (row.hash, row.created_at)


def forget(schema: str, table: str, row: LedgerRow) -> str:
    """The text that removes this row, and fails when it is not there as it was planned."""
    delete = sql.SQL(FORGET).format(
        ledger=sql.Identifier(schema, table),
        id=sql.Literal(row.id),
        hash=sql.Literal(row.hash),
        created_at=sql.Literal(row.created_at),
    )
    return guarded(delete, 1, f"the row of {row.name or row.hash[:12]} in {schema}.{table}")


def transaction_of(schema: str, table: str, migration: Migration) -> sql.Composed:
    """A query for the number of the transaction that wrote this migration's row."""
    return sql.SQL(TRANSACTION).format(ledger=sql.Identifier(schema, table), hash=sql.Literal(migration.hash))
