"""Holds one snapshot open for a whole backup, and takes the fingerprint in that very snapshot beside the dump."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import fingerprints
from tasks.clients.postgres import Connection, connect
from tasks.gate.errors import GateError, Refused
from tasks.gate.fingerprint import Fingerprint

BEGIN = "begin isolation level repeatable read read only"
EXPORT = "select pg_export_snapshot(), pg_current_wal_lsn()::text"
LOCK_WAIT_MS = 30_000  # as long as pg_dump beside it waits
BLOCKERS = """
select distinct a.pid, coalesce(nullif(a.application_name, ''), a.usename::text, 'unknown'),
       date_trunc('second', now() - a.xact_start)::text
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted
   and l.database = (select oid from pg_database where datname = current_database())
 order by 1
"""


class Stopped(GateError):
    """The fingerprint was given up, because the dump beside it failed."""


@dataclass(frozen=True)
class Snapshot:
    """A moment of the database that other sessions can look at for as long as this session holds it."""

    session: Connection
    id: str
    lsn: str


@contextmanager
def exported_snapshot(url: SecretStr | str) -> Iterator[Snapshot]:
    """A session that exports its snapshot and then sits still until the block is left.

    It is idle in its transaction for as long as the dump runs, which is what it is there for: a limit on that, be it
    ours or one that the role was given, would end the backup of a large database (failure-modes B20).

    Raises:
        Refused: the server is a standby.
        ConfigurationError: it cannot be reached.
    """
    with connect(url, purpose="backup", read_only=True, idle_timeout_ms=0) as session:
        row = session.execute("select pg_is_in_recovery()").fetchone()
        if row is not None and row[0]:
            raise Refused(
                f"{session.info.dbname} at {session.info.host} is a standby, which may be behind its primary",
                hint="point GATE_PRODUCTION_URL at the primary",
            )
        session.execute(BEGIN)
        row = session.execute(EXPORT).fetchone()
        assert row is not None, "a function call always returns a row"
        yield Snapshot(session, row[0], row[1])


@contextmanager
def fingerprint_beside(
    url: SecretStr | str, snapshot: Snapshot, progress: Callable[[int, int], None]
) -> Iterator[Future[Fingerprint]]:
    """Takes the fingerprint of the snapshot in a thread, on a session of its own; given up when the block is left.

    Args:
        url: the same database.
        snapshot: the exported one.
        progress: told how many tables are done, and of how many; in the thread.
    """
    stop = Event()

    def heard(done: int, total: int) -> None:
        if stop.is_set():
            raise Stopped
        progress(done, total)

    # Reading a table of any size takes as long as it takes: the dump beside it reads the same.
    with connect(
        url, purpose="backup fingerprint", read_only=True, statement_timeout_ms=0, lock_timeout_ms=LOCK_WAIT_MS
    ) as session:
        session.execute(BEGIN)
        session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot.id)))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fingerprint") as pool:
            running = pool.submit(fingerprints.take, session, None, heard)
            try:
                yield running
            finally:
                stop.set()
                # A cancel that arrives between two statements stops neither.
                while not running.done():
                    with suppress(psycopg.Error):
                        session.cancel()
                    time.sleep(0.02)


def blockers(snapshot: Snapshot) -> str:
    """Who holds a table so that no dump can read it, in one sentence; empty when nobody does now."""
    try:
        found = snapshot.session.execute(BLOCKERS).fetchall()
    except psycopg.Error:
        return ""
    return "; ".join(f"{name} (process {pid}) holds a table since {since}" for pid, name, since in found)
