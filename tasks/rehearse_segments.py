"""Runs a plan in segments on the restored copy and reads of each statement what it locked, changed and cost."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import LiteralString, NamedTuple

from psycopg import sql
from pydantic import SecretStr

from tasks.clients.alone_catalog import definition
from tasks.clients.effects import EffectTrace
from tasks.clients.postgres import Connection
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Lock, RehearsedStatement
from tasks.gate.segment import Alone, Segment
from tasks.gate.wording import size
from tasks.kill_points import reached
from tasks.lock_poll import LockPoll
from tasks.rehearsal_states import Seen, ledger_names, rows_of
from tasks.rehearsal_watch import SIZE, SQL_KEPT, WAL, Watch
from tasks.run_alone import recorded_before, run_alone
from tasks.tool import run_parts

# Files of tables and indexes: a new number is a rewrite, or an index that was built.
FILES = """
select pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind::text, am.amname::text,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::int8, coalesce(pg_catalog.pg_relation_size(c.oid), 0)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_am am on am.oid = c.relam
 where c.relkind in ('r', 'm', 'i') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
"""
TABLE = """
select pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = coalesce((select indrelid from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(%(name)s)),
                        pg_catalog.to_regclass(%(name)s))
"""


class Ran(NamedTuple):
    """What was seen."""

    statements: tuple[RehearsedStatement, ...]
    texts: tuple[str, ...]  # whole statements, in order
    seconds: float  # of all segments, without the time of watching


def run_watched(
    connection: Connection,
    watcher: Connection,
    url: SecretStr,
    plan: Plan,
    before: Seen,
    progress: Callable[[str, int], None],
) -> Ran:
    """Run every segment as production will.

    Args:
        connection: runs the plan.
        watcher: another session in the same database.
        url: of that database.
        plan: in segments.
        before: the restored database, of which that is a copy.
        progress: told the tag and index of each statement before it runs.

    Raises:
        StatementFailed: a statement failed.
    """
    rows, ignored = rows_of(before), ledger_names(watcher, plan)[1]
    statements: list[RehearsedStatement] = []
    texts: list[str] = []
    seconds = 0.0
    for segment in plan.segments:
        if segment.alone is not None:
            alone = _AloneWatch(watcher, url, segment.alone, progress)
            try:
                run_alone(connection, plan, segment, alone, rows=None)
            finally:
                alone.stop()
            seen = alone.finish(connection, segment)
            took = seen[0].seconds
            texts.append(segment.statements[0].text)
        else:
            effects = EffectTrace(rows, ignored=ignored)
            watch = Watch(watcher, connection.info.backend_pid, before.shapes, effects, progress)
            recorded = recorded_before(plan, segment)
            run_parts(connection, plan, segment.parts, recorded=recorded, observer=watch)
            seen, took = watch.finish()
            rows = effects.rows()
            texts += watch.texts
        statements += seen
        seconds += took
    return Ran(tuple(statements), tuple(texts), seconds)


class _AloneWatch:
    """The observer of one statement outside a transaction."""

    def __init__(self, watcher: Connection, url: SecretStr, alone: Alone, progress: Callable[[str, int], None]) -> None:
        self._watcher = watcher
        self._url = url
        self._alone = alone
        self._progress = progress
        self._stack = ExitStack()
        self._seconds = 0.0

    def before(self, connection: Connection, segment: Segment) -> None:
        """Take the readings that the statement's effects are the difference to, and begin to look for locks."""
        statement = segment.statements[0]
        self._progress(statement.tag, statement.index)
        reached("rehearse:statement")
        self._files = _files(self._watcher)
        self._table = self._acts_on()
        self._wal, self._size = _meter(self._watcher, WAL), _meter(self._watcher, SIZE)
        self._poll = self._stack.enter_context(LockPoll(self._url, connection.info.backend_pid))

    def after(self, connection: Connection, segment: Segment, seconds: float) -> None:  # noqa: ARG002
        """Note the time, and stop looking."""
        self._seconds = seconds
        self.stop()

    def finishing(self, connection: Connection) -> None:
        """Nothing: what is written now is the gate's own."""

    def stop(self) -> None:
        """Stop looking; once is enough."""
        self._stack.close()

    def finish(self, connection: Connection, segment: Segment) -> tuple[RehearsedStatement, ...]:
        """What the statement did."""
        statement = segment.statements[0]
        rewrites, builds = _changes(self._files, _files(self._watcher))
        return (
            RehearsedStatement(
                tag=statement.tag,
                index=statement.index,
                sql=statement.text[:SQL_KEPT],
                seconds=self._seconds,
                locks=self._locks(),
                rewrites=rewrites,
                index_builds=builds,
                wal_bytes=_meter(self._watcher, WAL) - self._wal,
                size_delta=_meter(self._watcher, SIZE) - self._size,
                definition=definition(connection, self._alone),
            ),
        )

    def _locks(self) -> tuple[Lock, ...]:
        """What was seen, and the mode that the manual names where none was seen for long enough."""
        seen = self._poll.locks()
        if not self._table or any(lock.relation == self._table and lock.mode == self._alone.locks for lock in seen):
            return seen
        named = Lock(relation=self._table, mode=self._alone.locks, held_seconds=self._seconds)
        return (*(lock for lock in seen if lock.relation != self._table), named)

    def _acts_on(self) -> str:
        """The table that it needs, quoted and qualified; empty when it is every table of the database."""
        name = self._alone.table or self._alone.name
        if not name:
            return ""
        row = self._watcher.execute(TABLE, {"name": sql.Identifier(*name).as_string(None)}).fetchone()
        return str(row[0]) if row else ""


class _File(NamedTuple):
    kind: str
    method: str | None
    filenode: int
    bytes: int


def _files(watcher: Connection) -> dict[str, _File]:
    return {row[0]: _File(*row[1:]) for row in watcher.execute(FILES)}


def _changes(before: dict[str, _File], now: dict[str, _File]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tables with another file, and indexes that were built."""
    known = {file.filenode for file in before.values()}
    changed = {name: file for name, file in sorted(now.items()) if file.filenode not in known}
    rewrites = tuple(f"{name} (copied to a new file)" for name, file in changed.items() if file.kind != "i")
    builds = tuple(
        f"{name} ({'rebuilt, ' if name in before else ''}{file.method}, {size(file.bytes)})"
        for name, file in changed.items()
        if file.kind == "i"
    )
    return rewrites, builds


def _meter(watcher: Connection, question: LiteralString) -> int:
    row = watcher.execute(question).fetchone()
    assert row is not None, "a function call returns a row"
    return int(row[0])
