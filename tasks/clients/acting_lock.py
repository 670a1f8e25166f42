"""Says who acts on a target right now: a session lock in production's own cluster, which dies with the process."""

import hashlib
import os
import socket
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import describe, parameters
from tasks.clients.connection_failures import NotLetIn
from tasks.gate.errors import Busy, ConfigurationError

CLASS = int.from_bytes(b"gate", "big", signed=True)
TAKE = "select pg_try_advisory_lock(%(class)s, %(target)s)"
# to_char: psycopg reads a timestamp with time zone in one DateStyle only, and the database may have another.
HOLDER = """
select a.pid, a.application_name, a.usename::text,
       to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSTZHTZM'), a.client_addr::text
  from pg_locks l
  join pg_database d on d.oid = l.database and d.datname = current_database()
  left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted
   and l.classid = %(class_unsigned)s::bigint::oid and l.objid = %(target_unsigned)s::bigint::oid and l.objsubid = 2
"""


class ActingLock:
    """Held while the gate changes a target; a context manager.

    The record's chain decides which release may act (design, 4): whoever takes one over writes so, and the next write
    of the process before fails. This lock only answers whether its process still lives, and from where: no file and no
    timer could. It is kept in the maintenance database, because the swap ends every session of production's own.
    """

    def __init__(self, session: postgres.Connection) -> None:
        """Wrap a session that holds the lock; use `take`."""
        self._session = session

    @classmethod
    def take(cls, url: SecretStr | str, target: str, *, maintenance_database: str = "postgres") -> Self:
        """Take the lock of a target, or say who has it.

        Where the maintenance database is not there or does not let this role in, production's own is used, for every
        process alike; where it only fails now, nothing is: another process may hold the lock there. Advisory locks are
        per database, so two gates with different rights could still miss each other here; the record does not.

        Args:
            url: production.
            target: its name in the record.
            maintenance_database: a database of the same cluster that is never renamed.

        Raises:
            Busy: another process holds it; names its pid, application, start and address.
            ConfigurationError: the maintenance database cannot be reached, or it is closed and production's own cannot.
        """
        purpose = f"acting for {target[:24]} from {socket.gethostname()[:16]}:{os.getpid()}"
        session, place = _session(url, purpose, maintenance_database)
        try:
            _take_on(session, target)
        except psycopg.Error as error:
            session.close()
            reason = error.diag.message_primary or "the connection was lost"
            raise ConfigurationError(
                f"the lock of {target} cannot be taken in {place}: {reason}",
                hint="check that the server is up; a transaction pooler in between cannot be used",
            ) from None
        except BaseException:
            session.close()
            raise
        return cls(session)

    def release(self) -> None:
        """Give the lock back and close its session. Safe to call twice."""
        with suppress(psycopg.Error):
            # A closed session ends on the server a moment later; who comes right after us must not meet our shadow.
            self._session.execute("select pg_advisory_unlock_all()")
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _session(url: SecretStr | str, purpose: str, maintenance_database: str) -> tuple[postgres.Connection, str]:
    place = describe(postgres.with_database(url, maintenance_database))
    try:
        return postgres.connect(url, purpose=purpose, database=maintenance_database), place
    except NotLetIn:
        if parameters(url)["dbname"] == maintenance_database:
            raise
    except ConfigurationError as error:
        said = f"{error.message}; the lock of a target is kept in that database"
        raise ConfigurationError(said, hint=error.hint, **error.nouns) from None
    return postgres.connect(url, purpose=purpose), describe(url)


def _take_on(session: postgres.Connection, target: str) -> None:
    for _ in range(2):  # the holder may leave between the question and the answer
        taken = session.execute(TAKE, _keys(target)).fetchone()
        if taken and taken[0]:
            return
        holder = session.execute(HOLDER, _keys(target)).fetchone()
        if holder is not None:
            raise _busy(target, holder)
    raise Busy(f"another process has just taken {target}", hint="try again in a moment")


def _keys(target: str) -> dict[str, int]:
    digest = hashlib.sha256(target.encode()).digest()[:4]
    return {
        "class": CLASS,
        "class_unsigned": CLASS,
        "target": int.from_bytes(digest, "big", signed=True),
        "target_unsigned": int.from_bytes(digest, "big"),
    }


def _busy(target: str, holder: tuple[Any, ...]) -> Busy:
    pid, application, user, since, address = holder
    parts = [f"pid {pid}" if pid else "a process that this role may not see"]
    parts += [f"{application!r}"] if application else []
    parts += [f"user {user}"] if user else []
    parts += [f"since {since}"] if since else []
    parts += [f"from {address}"] if address else []
    return Busy(
        f"another gate acts on {target} now: {', '.join(parts)}",
        hint="wait until it is done; gate status shows its release. "
        + (f"If that process is dead, select pg_terminate_backend({pid}) frees the lock" if pid else ""),
        target=target,
        pid=pid,
        application=application,
        since=since,
        address=address,
    )


def somebody_acts(url: SecretStr | str, target: str, *, maintenance_database: str = "postgres") -> bool | None:
    """Whether a process holds the lock of a target now; takes nothing. None when production does not answer.

    Args:
        url: production.
        target: its name in the record.
        maintenance_database: where the lock is kept.
    """
    try:
        session, _ = _session(url, "reconcile", maintenance_database)
    except ConfigurationError:
        return None
    try:
        with session:
            return session.execute(HOLDER, _keys(target)).fetchone() is not None
    except psycopg.Error:
        return None
