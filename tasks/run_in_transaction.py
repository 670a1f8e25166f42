"""Runs migrations in one transaction with their ledger rows, watched, and under a lock that migrators wait for."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from tasks.clients.acting_as import Who, acting_as, become, who
from tasks.clients.open_transaction import abandon, transaction_id
from tasks.gate.acting_role import role_left_by
from tasks.gate.errors import Refused
from tasks.gate.own_limits import part_of
from tasks.gate.plan import Ledger, Migration
from tasks.gate.running_transaction import isolation
from tasks.gate.segment import Part
from tasks.gate.wording import count, listing
from tasks.statement_failures import CommitUnknown, StatementFailed, failed, statement_failed, transaction_ended

Connection = psycopg.Connection[tuple[Any, ...]]
BEGIN = "begin"
LEVELS = ("serializable", "repeatable read", "read committed", "read uncommitted")
LOCK_LEDGER = "lock table {ledger} in access exclusive mode"


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


class Writer(NamedTuple):
    """How a migration tool keeps its ledger."""

    schema: str
    table: str
    create: Callable[[Connection], None]  # what is missing of it; outside the transaction, as the tools do it
    read: Callable[[Connection], Ledger]
    pending: Callable[[Ledger, Sequence[Migration]], str]  # why the tool would not run exactly these now; empty when so
    record: Callable[[Connection, Migration], None]  # its row

    @property
    def place(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"


def run_in_transaction(
    connection: Connection,
    writer: Writer,
    pending: Sequence[Migration],
    *,
    parts: Sequence[Part] | None,
    observer: Observer | None,
    lock_ledger: bool,
    ledger_head: str | None,
    ledger_head_after: str | None,
) -> None:
    """Run migrations and write their rows, or scripts that write the ledger themselves; all of it or nothing.

    Raises:
        Refused: the ledger is not what the plan saw, or a migration cannot be sent; nothing was changed.
        StatementFailed: a statement failed; everything was rolled back.
        TransactionEnded: a migration ended the transaction.
        CommitUnknown: the connection ended during COMMIT.
    """
    scripts = ledger_head_after is not None
    for migration in pending:
        _refuse_unsendable(migration)
    running = [part_of(m.tag, m.statements) for m in pending] if parts is None else parts
    try:
        writer.create(connection)
        connection.execute(_begin(running))
        if lock_ledger:
            ledger = sql.Identifier(writer.schema, writer.table)
            connection.execute(sql.SQL(LOCK_LEDGER).format(ledger=ledger))
        known = scripts or parts is not None  # then the digest of the ledger says enough
        before = writer.read(connection)
        _recheck(writer, before, pending, ledger_head, known=known)
        transaction, ourselves = transaction_id(connection), who(connection)
    except psycopg.Error as error:
        abandon(connection)
        raise failed(error, f"the ledger {writer.place}") from None
    except BaseException:
        abandon(connection)
        raise
    try:
        by_tag = {migration.tag: migration for migration in pending}
        for part in running:
            _run(connection, by_tag[part.tag], part, observer)
            _refuse_another_transaction(connection, by_tag[part.tag], part, transaction)
            if part.whole and not scripts:
                _record(connection, writer, by_tag[part.tag], None if parts is None else ourselves)
        if ledger_head_after is not None:
            _as_planned(connection, writer, ledger_head_after, ourselves)
        elif any(writer.table.lower() in piece.lower() for migration in pending for piece in migration.statements):
            _refuse_other_rows(connection, writer, before, parts, len(pending), ourselves)
        _finish(connection, observer, None if parts is None else ourselves)
    except BaseException:
        abandon(connection)
        raise
    _commit(connection, transaction)
    with suppress(psycopg.Error):  # the COMMIT is in, whatever becomes of the session
        become(connection, ourselves, local=False)


def _begin(parts: Sequence[Part]) -> str:
    """A level that the first statement sets comes too late there: the ledger is locked and read before it."""
    level = isolation([statement.text for statement in parts[0].statements]) if parts else ""
    return f"{BEGIN} isolation level {level}" if level in LEVELS else BEGIN


def _refuse_unsendable(migration: Migration) -> None:
    if any("\0" in piece for piece in migration.statements):  # libpq would cut the text there and report success
        raise Refused(f"{migration.file} contains a NUL byte", hint="remove it: PostgreSQL takes no NUL in a statement")


def _recheck(
    writer: Writer, ledger: Ledger, pending: Sequence[Migration], ledger_head: str | None, *, known: bool
) -> None:
    """Refuses unless the tool, looking now, would run exactly `pending`."""
    how = "" if ledger_head in (None, ledger.head) else _whose_rows(ledger, pending)
    how = how or writer.pending(ledger, () if known else pending)
    if how:
        raise Refused(
            f"the ledger {writer.place} changed since the plan was made: {how}",
            hint="somebody else migrates this database; compare `gate status`, then start again",
        )


def _whose_rows(ledger: Ledger, pending: Sequence[Migration]) -> str:
    written = {row.hash for row in ledger.rows}
    tags = [migration.tag for migration in pending if migration.hash in written]
    by_now = f"; {listing(tags)} {'was' if len(tags) == 1 else 'were'} applied by somebody else" if tags else ""
    return f"its rows are not those that the plan saw{by_now}"


def _run(connection: Connection, migration: Migration, part: Part, observer: Observer | None) -> None:
    for statement in part.statements:
        index, text = statement.index, statement.text
        if observer is not None:
            observer.before(connection, migration.tag, index, text)
        started = time.perf_counter()
        try:
            connection.execute(text.encode())  # bytes without parameters: the simple protocol
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


def _record(connection: Connection, writer: Writer, migration: Migration, ourselves: Who | None) -> None:
    """In one transaction as Drizzle does it, by whichever role the migration left; a cut plan's rows are the gate's."""
    try:
        with nullcontext() if ourselves is None else acting_as(connection, ourselves):
            writer.record(connection, migration)
    except psycopg.Error as error:
        left = role_left_by(migration.file, migration.statements)
        by = f", which {left} of {migration.file} leaves to that role" if left else ""
        raise failed(error, f"the ledger row of {migration.tag}{by}", tag=migration.tag) from None


def _as_planned(connection: Connection, writer: Writer, head: str, ourselves: Who) -> None:
    """The scripts wrote the ledger: nothing may be committed unless it reads exactly as the approved plan said."""
    try:
        become(connection, ourselves, local=True)  # a SET ROLE of a script must not decide what can be read
        ledger = writer.read(connection)
    except psycopg.Error as error:
        raise failed(error, f"the ledger {writer.place}") from None
    if ledger.head != head:
        raise StatementFailed(
            f"the scripts left {count(len(ledger.rows), 'row')} in {writer.place} that are not those of the plan",
            hint="nothing was committed; somebody else's trigger or the SQL itself changed other rows",
        )


def _refuse_other_rows(
    connection: Connection, writer: Writer, before: Ledger, parts: Sequence[Part] | None, many: int, ourselves: Who
) -> None:
    """The migrations name the ledger: every row must be as it was, and none may have come but their own."""
    written = many if parts is None else sum(part.whole for part in parts)
    try:
        with acting_as(connection, ourselves):
            now = writer.read(connection).rows
    except psycopg.Error as error:
        raise failed(error, f"the ledger {writer.place}") from None
    if len(now) != len(before.rows) + written or not set(before.rows) <= set(now):
        raise StatementFailed(
            f"the migrations changed rows of {writer.place}, which is the record of what ran",
            hint="nothing was committed; remove the statement; `gate repair` mends the ledger",
            kind="ledger",
        )


def _finish(connection: Connection, observer: Observer | None, ourselves: Who | None) -> None:
    if ourselves is not None:  # a SET LOCAL ROLE lasts until COMMIT, and in a cut plan the gate writes rows of its own
        become(connection, ourselves, local=True)
    if observer is not None:
        observer.committing(connection)


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
