"""Applies migrations exactly as Drizzle's own migrator does, watched, and under a lock that Drizzle waits for."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from tasks.drizzle.ledger import beside_parameters, look_at_ledger, read_ledger
from tasks.gate.errors import Refused
from tasks.gate.plan import Ledger, Migration
from tasks.gate.segment import Part
from tasks.run_in_transaction import Observer, Writer, run_in_transaction

Connection = psycopg.Connection[tuple[Any, ...]]

CREATE_SCHEMA = "CREATE SCHEMA IF NOT EXISTS {schema}"
CREATE_TABLE = (
    "CREATE TABLE IF NOT EXISTS {ledger} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)",
    """CREATE TABLE IF NOT EXISTS {ledger} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint,
        name text, applied_at timestamp with time zone DEFAULT now())""",
)
INSERT = (
    'insert into {ledger} ("hash", "created_at") values(%s, %s)',
    'insert into {ledger} ("hash", "created_at", "name") values(%s, %s, %s)',
)


def apply(
    connection: Connection,
    *,
    generation: int,
    schema: str,
    table: str,
    pending: Sequence[Migration],
    parts: Sequence[Part] | None = None,
    observer: Observer | None = None,
    lock_ledger: bool = True,
    ledger_head: str | None = None,
    ledger_head_after: str | None = None,
) -> None:
    """Apply `pending` in one transaction together with their ledger rows, as Drizzle does (facts: 2.3, 3.3).

    What is stricter: the ledger is locked first, so that a migrator of Drizzle's own waits at its first look and then
    finds nothing to do; and what is pending is judged again under that lock. Running it twice is safe: the second
    run refuses, because nothing of `pending` is pending any more.

    Args:
        connection: in autocommit mode, outside a transaction, with the caller's time limits.
        generation: 0 journal, 1 folders.
        schema: of the ledger.
        table: of the ledger.
        pending: the migrations, in the order of execution.
        parts: what of them runs in this transaction, where a plan needs more than one; all of it when None.
        observer: told about every piece and about the COMMIT.
        lock_ledger: take ACCESS EXCLUSIVE on the ledger; a database of ours needs none.
        ledger_head: what the ledger's digest must be under the lock; not compared when None.
        ledger_head_after: `pending` are scripts that write the ledger themselves, and must leave it with this digest;
            None for migrations, whose rows are written here.

    Raises:
        Refused: the ledger is not what the plan saw, or a migration cannot be sent; nothing was changed.
        StatementFailed: a statement failed; everything was rolled back.
        TransactionEnded: a migration ended the transaction.
        CommitUnknown: the connection ended during COMMIT.
    """
    for migration in pending:
        if ledger_head_after is None and migration.created_at is None:
            raise Refused(f"{migration.file} has no time that the ledger could hold", hint="see `gate plan`")
    run_in_transaction(
        connection,
        _writer(generation, schema, table),
        pending,
        parts=parts,
        observer=observer,
        lock_ledger=lock_ledger,
        ledger_head=ledger_head,
        ledger_head_after=ledger_head_after,
    )


def _writer(generation: int, schema: str, table: str) -> Writer:
    return Writer(
        schema=schema,
        table=table,
        create=lambda connection: _create_ledger(connection, generation, schema, table),
        read=lambda connection: read_ledger(connection, schema, table),
        pending=lambda ledger, pending: _not_pending(ledger, generation, pending),
        record=lambda connection, migration: _record(
            connection, beside_parameters(schema, table), generation, migration
        ),
    )


def _create_ledger(connection: Connection, generation: int, schema: str, table: str) -> None:
    """As Drizzle, but only what is missing: the same result, and no CREATE privilege needed when nothing is."""
    ledger = look_at_ledger(connection, schema, table)
    if not ledger.schema_exists:
        connection.execute(sql.SQL(CREATE_SCHEMA).format(schema=sql.Identifier(schema)))
    if not ledger.exists:
        connection.execute(sql.SQL(CREATE_TABLE[generation]).format(ledger=sql.Identifier(schema, table)))


def _not_pending(ledger: Ledger, generation: int, pending: Sequence[Migration]) -> str:
    """Why Drizzle, looking now, would not run exactly `pending` again; empty when it would."""
    if pending and ledger.has_name != (generation == 1):
        return "it has the other generation's shape"
    if generation == 1:
        there = [m.tag for m in pending if m.name in {row.name for row in ledger.rows}]
    else:
        newest = max((row.created_at or 0 for row in ledger.rows), default=None)
        there = [m.tag for m in pending if newest is not None and (m.created_at or 0) <= newest]
    return f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} no longer pending" if there else ""


def _record(connection: Connection, ledger: sql.Identifier, generation: int, migration: Migration) -> None:
    values = [migration.hash, migration.created_at, migration.name][: 2 + generation]
    connection.execute(sql.SQL(INSERT[generation]).format(ledger=ledger), values)
