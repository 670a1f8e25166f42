"""Runs one statement outside a transaction so that any crash can be settled: a row before, a look after, a row at last.

The same in the rehearsal, which writes no rows, and in production. What an earlier attempt left is found first: an
INVALID index is dropped and built again, a valid one of the same definition counts as done.
"""

import time
from collections.abc import Callable
from typing import Protocol

import psycopg

from tasks.clients.alone_catalog import clear, definition, look
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import StatementRows
from tasks.gate.plan import Migration, Plan
from tasks.gate.progress import Left, words
from tasks.gate.segment import Alone, Kind, Part, Segment, Statement
from tasks.kill_points import reached
from tasks.statement_failures import StatementFailed, failed, statement_failed
from tasks.tool import Observer, run_parts


class AloneObserver(Protocol):
    """Watches a statement that runs outside a transaction."""

    def before(self, connection: Connection, segment: Segment) -> None:
        """Called before anything is sent."""
        ...

    def after(self, connection: Connection, segment: Segment, seconds: float) -> None:
        """Called after the server's reply to the statement itself."""
        ...

    def finishing(self, connection: Connection) -> None:
        """Called before the rows are written that say it is in."""
        ...


class Finishing:
    """The observer of the transaction in which a segment's rows are written, beside the ledger's."""

    def __init__(self, rows: StatementRows, segment: Segment) -> None:
        self._rows = rows
        self._segment = segment

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:
        """Nothing: there is no statement."""

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        """Nothing: there is no statement."""

    def committing(self, connection: Connection) -> None:
        """Write the rows."""
        self._rows.finish(connection, self._segment)
        reached("alone:before-commit")


def run_alone(
    connection: Connection,
    plan: Plan,
    segment: Segment,
    observer: AloneObserver,
    *,
    rows: StatementRows | None,
    expected: str = "",
    begun: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Run the statement of a segment, unless it is done already, and write down that it is.

    Args:
        connection: in autocommit mode, outside a transaction.
        plan: whose ledger the migration's row goes to.
        segment: with its one statement.
        observer: told before and after.
        rows: where to write that it is started and finished; None on a database of ours.
        expected: the definition of the index as the rehearsal saw it.
        begun: production's rows say that it was started, so what is there is of this release.
        say: hears what was found and done about it.

    Raises:
        StatementFailed: it failed; what it left may still be there.
    """
    alone, statement = segment.alone, segment.statements[0]
    assert alone is not None, "asked only for a segment outside a transaction"
    migration = next(m for m in plan.pending if m.tag == statement.tag)
    observer.before(connection, segment)
    try:
        done = _settled(connection, migration, segment, expected, begun=begun, say=say)
        if not done:
            if rows is not None:
                rows.start(connection, segment, statement)
            reached("alone:started")
            seconds = _send(connection, migration, statement)
            reached("alone:ran")
            observer.after(connection, segment, seconds)
            _refuse_unfinished(connection, migration, alone, statement, expected)
    except psycopg.Error as error:
        raise failed(error, words(segment), tag=statement.tag, index=statement.index) from None
    observer.finishing(connection)
    if rows is not None:
        finish(connection, plan, segment, rows)
    elif segment.completes:
        run_parts(connection, plan, _row_only(segment), recorded=recorded_before(plan, segment))


def finish(
    connection: Connection, plan: Plan, segment: Segment, rows: StatementRows, observer: Observer | None = None
) -> None:
    """Write that the statement is in, in one transaction with the ledger row of a migration that is whole with it."""
    if segment.completes:
        run_parts(
            connection,
            plan,
            _row_only(segment),
            recorded=recorded_before(plan, segment),
            observer=observer or Finishing(rows, segment),
        )
    else:
        rows.finish(connection, segment)
    reached("alone:finished")


def recorded_before(plan: Plan, segment: Segment) -> int:
    """How many ledger rows of the plan there are before a segment."""
    return sum(len(earlier.completes) for earlier in plan.segments[: segment.number - 1])


def _row_only(segment: Segment) -> list[Part]:
    return [Part(tag=tag, statements=(), whole=True) for tag in segment.completes]


def _settled(
    connection: Connection,
    migration: Migration,
    segment: Segment,
    expected: str,
    *,
    begun: bool,
    say: Callable[[str], None],
) -> bool:
    """True when what the statement is for is there already; what is there unfinished is removed."""
    alone, statement = segment.alone, segment.statements[0]
    assert alone is not None, "asked only for a segment outside a transaction"
    if begun and alone.kind is Kind.PROCEDURE:
        raise StatementFailed(
            f"{alone.words} was begun before and commits on its way: nobody can tell from outside how far it got",
            hint="look at what it did, finish or undo it by hand, then release from there; or `gate restore`",
        )
    left = look(connection, alone, expected)
    if left is Left.UNFINISHED and alone.kind is not Kind.DROP_INDEX:  # that one only has to run again
        for deed in clear(connection, alone):
            say(deed)
        left, begun = look(connection, alone, expected), True
    if left is Left.DONE and (begun or alone.if_missing):
        say(f"{alone.words} {alone.about}: done already")
        return True
    if left in (Left.DONE, Left.OTHER) and not (begun or alone.if_missing):
        raise _not_ours(migration, alone, statement)
    return False


def _not_ours(migration: Migration, alone: Alone, statement: Statement) -> StatementFailed:
    """What the server would say, before anything is written: else the recovery would take the index for this release's.

    Args:
        migration: whose statement it is.
        alone: builds, drops or detaches what somebody else has built, dropped or detached.
        statement: its text, which is not sent.
    """
    name, table = alone.name[-1], alone.table[-1] if alone.table else ""
    said, sqlstate = {
        Kind.DROP_INDEX: (f'index "{name}" does not exist', "42704"),
        Kind.DETACH: (f'relation "{name}" is not a partition of relation "{table}"', "42P01"),
    }.get(alone.kind, (f'relation "{name}" already exists', "42P07"))
    return StatementFailed(
        f"{migration.file}, line {statement.line}: {said} ({sqlstate})",
        hint="it was so before this release came to the statement, which was not sent: undo by hand what somebody did"
        " by hand, or take the statement out, then start again",
        sqlstate=sqlstate,
        server_message=said,
        tag=statement.tag,
        index=statement.index,
        line=statement.line,
    )


def _send(connection: Connection, migration: Migration, statement: Statement) -> float:
    started = time.perf_counter()
    try:
        connection.execute(statement.text.encode())  # one statement alone: several would be a transaction
    except psycopg.Error as error:
        raise statement_failed(error, migration, statement) from None
    return time.perf_counter() - started


def _refuse_unfinished(
    connection: Connection, migration: Migration, alone: Alone, statement: Statement, expected: str
) -> None:
    """IF NOT EXISTS says success over an INVALID index, and over one of another definition; the catalog does not."""
    if alone.kind is not Kind.BUILD_INDEX or look(connection, alone, expected) is Left.DONE:
        return
    found = definition(connection, alone) or "no such index"
    raise StatementFailed(
        f"{migration.file}, line {statement.line}: the server reported success, but the index {alone.about} is not as"
        f" the rehearsal built it: expected {expected or 'a valid index'}, found {found}",
        tag=statement.tag,
        index=statement.index,
    )
