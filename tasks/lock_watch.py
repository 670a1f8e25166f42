"""Watches from a second session whom a backend waits for, because afterwards nobody can tell any more."""

import threading
from types import TracebackType
from typing import Self

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres, sessions
from tasks.clients.sessions import Writer
from tasks.release import Release
from tasks.workshop import production_url

LOOKS_PER_WAIT = 4  # within one lock timeout, so that nobody who blocked it is missed


class LockWatch:
    """A context manager; its thread only asks, and ends with the block."""

    def __init__(self, url: SecretStr, pid: int, *, purpose: str, lock_timeout_ms: int) -> None:
        """Connect; the watching begins with the block.

        Args:
            url: production.
            pid: the backend that is watched.
            purpose: shows up in pg_stat_activity.
            lock_timeout_ms: how long that backend waits for a lock.

        Raises:
            ConfigurationError: no second session can be opened.
        """
        self._connection = postgres.connect(url, purpose=purpose, read_only=True, statement_timeout_ms=5000)
        self._pid = pid
        self._pause = lock_timeout_ms / 1000 / LOOKS_PER_WAIT
        self._stop = threading.Event()
        self._seen: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._watch, name="gate lock watch", daemon=True)

    def blockers(self) -> tuple[str, ...]:
        """Whom it was seen waiting for since the last call."""
        seen, self._seen = self._seen, ()
        return seen

    def writers(self, ledger: str) -> list[Writer]:
        """Open transactions of others that have written in this database.

        Raises:
            psycopg.Error: the watching session is gone.
        """
        ours = [self._pid, self._connection.info.backend_pid]
        return sessions.writers(self._connection, ledger, ours)

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            try:
                self._seen = sessions.blockers(self._connection, self._pid) or self._seen
            except psycopg.Error:
                if self._connection.closed:  # the work goes on without names
                    return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=6)
        self._connection.close()


def lock_watch(release: Release, pid: int) -> LockWatch:
    """Watch a working session of a release."""
    return LockWatch(
        production_url(release.settings),
        pid,
        purpose=f"watch {release.id}",
        lock_timeout_ms=release.policy.apply.lock_timeout_ms,
    )
