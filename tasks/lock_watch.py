"""Watches from a second session whom a backend waits for, because afterwards nobody can tell any more."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import psycopg
from pydantic import SecretStr

from tasks.clients import migrators, postgres, sessions
from tasks.clients.migrators import Begun
from tasks.clients.sessions import Writer
from tasks.gate.blockers import Blocker
from tasks.gate.wording import listing
from tasks.release import Release
from tasks.workshop import production_url

LOOKS_PER_WAIT = 4  # within one lock timeout, so that nobody who blocked it is missed


class LockWatch:
    """A context manager; its thread only asks, and ends with the block."""

    def __init__(
        self, url: SecretStr, pid: int, *, purpose: str, lock_timeout_ms: int, tell: Callable[[str], None]
    ) -> None:
        """Connect; the watching begins with the block.

        Args:
            url: production.
            pid: the backend that is watched.
            purpose: shows up in pg_stat_activity.
            lock_timeout_ms: how long that backend waits for a lock.
            tell: hears, from another thread, whom it waits for while it waits.

        Raises:
            ConfigurationError: no second session can be opened.
        """
        self._connection = postgres.connect(url, purpose=purpose, read_only=True, statement_timeout_ms=5000)
        self._pid = pid
        self._pause = lock_timeout_ms / 1000 / LOOKS_PER_WAIT
        self._stop = threading.Event()
        self._seen: tuple[Blocker, ...] = ()
        self._tell = tell
        self._told: tuple[int, ...] = ()
        self._thread = threading.Thread(target=self._watch, name="gate lock watch", daemon=True)

    def blockers(self) -> tuple[Blocker, ...]:
        """Whom it was seen waiting for since the last call."""
        seen, self._seen, self._told = self._seen, (), ()
        return seen

    def writers(self, ledger: str, texts: Sequence[str]) -> list[Writer]:
        """Open transactions of others that have written in this database.

        Raises:
            psycopg.Error: the watching session is gone.
        """
        return sessions.writers(self._connection, ledger, texts, self._ours)

    def migrating(self, table: str, texts: Sequence[str]) -> list[int]:
        """Pids of sessions that asked the ledger a moment ago, or run one of the statements."""
        return migrators.migrating(self._connection, table, texts, self._ours)

    def just_begun(self) -> set[Begun]:
        """Transactions of others that said nothing but BEGIN."""
        return migrators.just_begun(self._connection, self._ours)

    def still_at_work(self, table: str, pids: list[int]) -> dict[int, str]:
        """Those of the sessions that are in the middle of something, in words."""
        return migrators.still_at_work(self._connection, table, pids)

    @property
    def _ours(self) -> list[int]:
        return [self._pid, self._connection.info.backend_pid]

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            try:
                found = sessions.blockers(self._connection, self._pid)
                self._seen = found or self._seen
                self._live(found)
            except psycopg.Error:
                if self._connection.closed:  # the work goes on without names
                    return

    def _live(self, found: tuple[Blocker, ...]) -> None:
        pids = tuple(blocker.pid for blocker in found)
        if pids and pids != self._told:
            self._told = pids
            self._tell(f"waiting for a lock that is held by {listing([b.words for b in found], limit=3)}")

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
        tell=release.progress,
    )
