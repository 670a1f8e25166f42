"""Applies migrations exactly as Drizzle's own migrator does, watched, and under a lock that Drizzle waits for."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from tasks.clients.open_transaction import abandon, transaction_id
from tasks.drizzle.failures import (
    CommitUnknown,
    StatementFailed,
    TransactionEnded,
    failed,
    statement_failed,
    transaction_ended,
)
from tasks.drizzle.ledger import beside_parameters, look_at_ledger, read_ledger
from tasks.gate.errors import Refused
from tasks.gate.own_limits import part_of
from tasks.gate.plan import Ledger, Migration
from tasks.gate.segment import Part
from tasks.gate.wording import count

__all__ = ["CommitUnknown", "Observer", "StatementFailed", "TransactionEnded", "apply"]

Connection = psycopg.Connection[tuple[Any, ...]]

CREATE_SCHEMA = "CREATE SCHEMA IF NOT EXISTS {schema}"
CREATE_TABLE = (
    "CREATE TABLE IF NOT EXISTS {ledger} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)",
    """CREATE TABLE IF NOT EXISTS {ledger} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint,
        name text, applied_at timestamp with time zone DEFAULT now())""",
)
BEGIN = "begin"
LOCK_LEDGER = "lock table {ledger} in access exclusive mode"
INSERT = (
    'insert into {ledger} ("hash", "created_at") values(%s, %s)',
    'insert into {ledger} ("hash", "created_at", "name") values(%s, %s, %s)',
)


class Observer(Protocol):
    """Watches from within the transaction; what it sets there ends with it."""

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:
        """Called before a piece is sent."""
        ...

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        """Called after the server's reply."""
        ...

    def committing(self, connection: Connection) -> None:
        """Called just before COMMIT."""
        ...


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
    scripts = ledger_head_after is not None
    for migration in pending:
        _refuse_unsendable(migration, stamped=not scripts)
    ledger = sql.Identifier(schema, table)
    try:
        _create_ledger(connection, generation, schema, table)
        connection.execute(BEGIN)
        if lock_ledger:
            connection.execute(sql.SQL(LOCK_LEDGER).format(ledger=ledger))
        known = scripts or parts is not None  # then the digest of the ledger says enough
        _recheck(read_ledger(connection, schema, table), generation, () if known else pending, ledger_head)
        transaction = transaction_id(connection)
    except psycopg.Error as error:
        abandon(connection)
        raise failed(error, f"the ledger {schema}.{table}") from None
    except BaseException:
        abandon(connection)
        raise
    try:
        by_tag = {migration.tag: migration for migration in pending}
        for part in [part_of(m.tag, m.statements) for m in pending] if parts is None else parts:
            _run(connection, by_tag[part.tag], part, observer)
            _refuse_another_transaction(connection, by_tag[part.tag], part, transaction)
            if part.whole and not scripts:
                _record(connection, beside_parameters(schema, table), generation, by_tag[part.tag])
        if ledger_head_after is not None:
            _as_planned(connection, schema, table, ledger_head_after)
        if observer is not None:
            observer.committing(connection)
    except BaseException:
        abandon(connection)
        raise
    _commit(connection, transaction)


def _refuse_unsendable(migration: Migration, *, stamped: bool) -> None:
    if any("\0" in piece for piece in migration.statements):  # libpq would cut the text there and report success
        raise Refused(f"{migration.file} contains a NUL byte", hint="remove it: PostgreSQL takes no NUL in a statement")
    if stamped and migration.created_at is None:
        raise Refused(f"{migration.file} has no time that the ledger could hold", hint="see `gate plan`")


def _create_ledger(connection: Connection, generation: int, schema: str, table: str) -> None:
    """As Drizzle, but only what is missing: the same result, and no CREATE privilege needed when nothing is."""
    ledger = look_at_ledger(connection, schema, table)
    if not ledger.schema_exists:
        connection.execute(sql.SQL(CREATE_SCHEMA).format(schema=sql.Identifier(schema)))
    if not ledger.exists:
        connection.execute(sql.SQL(CREATE_TABLE[generation]).format(ledger=sql.Identifier(schema, table)))


def _recheck(ledger: Ledger, generation: int, pending: Sequence[Migration], ledger_head: str | None) -> None:
    """Refuses unless Drizzle, looking now, would run exactly `pending` again."""
    if ledger_head is not None and ledger.head != ledger_head:
        raise _changed(ledger, "its rows are not those that the plan saw")
    if pending and ledger.has_name != (generation == 1):
        raise _changed(ledger, "it has the other generation's shape")
    if generation == 1:
        there = [m.tag for m in pending if m.name in {row.name for row in ledger.rows}]
    else:
        newest = max((row.created_at or 0 for row in ledger.rows), default=None)
        there = [m.tag for m in pending if newest is not None and (m.created_at or 0) <= newest]
    if there:
        raise _changed(ledger, f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} no longer pending")


def _changed(ledger: Ledger, how: str) -> Refused:
    return Refused(
        f"the ledger {ledger.schema_name}.{ledger.table} changed since the plan was made: {how}",
        hint="somebody else migrates this database; compare `gate status`, then start again",
    )


def _run(connection: Connection, migration: Migration, part: Part, observer: Observer | None) -> None:
    for statement in part.statements:
        index, text = statement.index, statement.text
        if observer is not None:
            observer.before(connection, migration.tag, index, text)
        started = time.perf_counter()
        try:
            connection.execute(text.encode())  # bytes without parameters: the simple protocol, as Drizzle
        except psycopg.Error as error:
            raise statement_failed(error, migration, statement) from None
        if connection.info.transaction_status != TransactionStatus.INTRANS:
            raise transaction_ended(migration, index)
        if observer is not None:
            observer.after(connection, migration.tag, index, text, time.perf_counter() - started)


def _refuse_another_transaction(connection: Connection, migration: Migration, part: Part, transaction: str) -> None:
    try:
        now = transaction_id(connection)
    except psycopg.Error as error:
        raise failed(error, f"the look at the transaction of {migration.tag}", tag=migration.tag) from None
    if now != transaction:
        raise transaction_ended(migration, part.statements[-1].index if part.statements else 0)


def _record(connection: Connection, ledger: sql.Identifier, generation: int, migration: Migration) -> None:
    values = [migration.hash, migration.created_at, migration.name][: 2 + generation]
    try:
        connection.execute(sql.SQL(INSERT[generation]).format(ledger=ledger), values)
    except psycopg.Error as error:
        raise failed(error, f"the ledger row of {migration.tag}", tag=migration.tag) from None


def _as_planned(connection: Connection, schema: str, table: str, head: str) -> None:
    """The scripts wrote the ledger: nothing may be committed unless it reads exactly as the approved plan said."""
    try:
        connection.execute("reset role")  # a SET ROLE of a script must not decide what can be read
        ledger = read_ledger(connection, schema, table)
    except psycopg.Error as error:
        raise failed(error, f"the ledger {schema}.{table}") from None
    if ledger.head != head:
        raise StatementFailed(
            f"the scripts left {count(len(ledger.rows), 'row')} in {schema}.{table} that are not those of the plan",
            hint="nothing was committed; somebody else's trigger or the SQL itself changed other rows",
        )


def _commit(connection: Connection, transaction: str) -> None:
    try:
        finished = connection.execute("commit").statusmessage
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise CommitUnknown(
                "the connection was lost during COMMIT, so it is not known yet whether the migrations are in",
                hint="run `gate resume` with the release's id: it reads the ledger and finds out",
                transaction=transaction,
            ) from None
        abandon(connection)
        raise failed(error, "COMMIT of the migrations") from None
    if finished != "COMMIT":
        raise StatementFailed("the server rolled the migrations back at COMMIT")
