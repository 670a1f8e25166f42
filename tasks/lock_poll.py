"""Which locks a statement outside a transaction takes: they come and go, so a second session looks every few ms."""

import threading
import time
from types import TracebackType
from typing import Self

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.lock_trace import HeldLock, LockTrace, strongest
from tasks.gate.rehearsal import Lock

EVERY_S = 0.005


class LockPoll:
    """A context manager; what it saw is complete when its block ended, but for locks shorter than its pause."""

    def __init__(self, url: SecretStr, pid: int) -> None:
        """Connect; the looking begins with the block.

        Args:
            url: the database in which the statement runs.
            pid: the backend that runs it.
        """
        self._connection = postgres.connect(url, purpose="poll rehearsal")
        self._trace = LockTrace(self._connection, pid)
        self._stop = threading.Event()
        self._first: dict[HeldLock, float] = {}
        self._last: dict[HeldLock, float] = {}
        self._thread = threading.Thread(target=self._look, name="gate lock poll", daemon=True)

    def locks(self) -> tuple[Lock, ...]:
        """The strongest mode of each relation that was seen, and for how long at most."""
        return tuple(
            Lock(relation=lock.relation, mode=lock.mode, held_seconds=self._last[lock] - self._first[lock] + EVERY_S)
            for lock in strongest(frozenset(self._first))
        )

    def _look(self) -> None:
        while True:
            try:
                self._trace.taken()
            except psycopg.Error:
                return  # then only what the manual says is known
            now = time.perf_counter()
            for lock in self._trace.held:
                self._first.setdefault(lock, now)
                self._last[lock] = now
            if self._stop.wait(EVERY_S):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()
