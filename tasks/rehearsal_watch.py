"""Watches the plan run on the copy: after each statement it reads what that statement locked, changed and cost."""

import time
from collections.abc import Callable, Mapping
from typing import LiteralString, NamedTuple

from tasks.clients.effects import Effects, EffectTrace
from tasks.clients.lock_trace import HeldLock, LockTrace, strongest
from tasks.clients.postgres import Connection
from tasks.gate.losses import Shape
from tasks.gate.named_relations import named
from tasks.gate.rehearsal import HARMLESS, Lock, RehearsedStatement
from tasks.kill_points import reached

SQL_KEPT = 2000  # characters
WAL = (
    "select (pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8"  # written out or not
)
# Files of dropped and rewritten tables count until COMMIT: that is the room which production needs.
SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"


class _Watched(NamedTuple):
    tag: str
    number: int  # within the migration
    sql: str
    seconds: float
    ended: float  # time.perf_counter without the time of watching
    locks: tuple[HeldLock, ...]
    held_before: tuple[HeldLock, ...]
    effects: Effects
    wal_bytes: int
    size_delta: int


class Watch:
    """The observer of `apply` and of nothing else: it reads between the statements, and writes nothing."""

    def __init__(
        self,
        watcher: Connection,
        pid: int,
        shapes: Mapping[int, Shape],
        effects: EffectTrace,
        progress: Callable[[str, int], None],
    ) -> None:
        """Prepare to watch.

        Args:
            watcher: a second session in the same database.
            pid: the backend that applies.
            shapes: relations before the plan.
            effects: what reads row changes and rewrites from inside the transaction.
            progress: told the tag and index of each statement before it runs.
        """
        self._watcher = watcher
        self._trace = LockTrace(watcher, pid)
        self._known = {shape.label: shape for shape in shapes.values()}
        self._effects = effects
        self._progress = progress
        self._watched: list[_Watched] = []
        self._wal = self._size = 0
        self._started: float | None = None
        self._spent = 0.0  # seconds of watching, which production will not have
        self.texts: list[str] = []  # whole statements, in order

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:  # noqa: ARG002
        """Take the readings that the statement's effects are the difference to."""
        began = time.perf_counter()
        self._progress(tag, index)
        reached("rehearse:statement")
        if self._started is None:
            self._started = began
            self._effects.start(connection)
            self._size = self._meter(SIZE)
        self._trace.taken()  # what the gate itself took: the ledger
        self._wal = self._meter(WAL)
        self._spent += time.perf_counter() - began

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        """Read what the statement did."""
        began = time.perf_counter()
        before = self._trace.held
        taken = self._trace.taken()
        wal, size = self._meter(WAL), self._meter(SIZE)
        watched = _Watched(
            tag,
            index,
            sql,
            seconds,
            began - self._spent,
            taken,
            self._still_held(before, sql),
            self._effects.since_last(connection),
            wal - self._wal,
            size - self._size,
        )
        self._size = size
        self._watched.append(watched)
        self.texts.append(sql)
        self._spent += time.perf_counter() - began

    def committing(self, connection: Connection) -> None:
        """Nothing to read: locks are held until COMMIT has answered."""

    def finish(self) -> tuple[tuple[RehearsedStatement, ...], float]:
        """What was seen, and the seconds from the first statement to now, just after COMMIT."""
        now = time.perf_counter() - self._spent
        statements = tuple(_rehearsed(watched, now) for watched in self._watched)
        return statements, now - (now if self._started is None else self._started)

    def _still_held(self, before: frozenset[HeldLock], sql: str) -> tuple[HeldLock, ...]:
        """Locks of earlier statements on what this one names: it needs them too, and shows none of its own."""
        felt = [lock for lock in strongest(before) if lock.mode not in HARMLESS]
        if not felt:
            return ()
        names = named(sql)
        shapes = [(lock, self._known.get(lock.relation)) for lock in felt]
        return tuple(lock for lock, shape in shapes if shape and names.relation(shape.schema, shape.relation))

    def _meter(self, question: LiteralString) -> int:
        row = self._watcher.execute(question).fetchone()
        assert row is not None, "a function call returns a row"
        return int(row[0])


def _rehearsed(watched: _Watched, committed: float) -> RehearsedStatement:
    held = watched.seconds + committed - watched.ended
    return RehearsedStatement(
        tag=watched.tag,
        index=watched.number,
        sql=watched.sql[:SQL_KEPT],
        seconds=watched.seconds,
        locks=tuple(Lock(relation=name, mode=mode, held_seconds=held) for name, mode in watched.locks),
        held_before=tuple(Lock(relation=name, mode=mode, held_seconds=held) for name, mode in watched.held_before),
        rewrites=watched.effects.rewrites,
        index_builds=watched.effects.index_builds,
        rows=watched.effects.rows,
        wal_bytes=watched.wal_bytes,
        size_delta=watched.size_delta,
    )
