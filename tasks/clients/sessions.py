"""Other sessions of a database: who blocks us, who may be writing the ledger, and which are the gate's own."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from tasks.clients.postgres import Connection
from tasks.gate.blockers import Blocker
from tasks.gate.wording import cut, duration

HEAD = 200  # characters of a statement that are compared: the server keeps 1,024 bytes of it
SHOWN = 80  # characters of a statement: enough to recognise it

BLOCKING = """
select a.pid, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start))::float8, a.query,
       (extract(epoch from a.backend_start) * 1000000)::int8, a.backend_type = 'client backend'
  from unnest(pg_catalog.pg_blocking_pids(%s)) as blocking(pid)
  left join pg_catalog.pg_stat_activity a using (pid)
 order by 5 desc nulls last
"""

# Drizzle's own tools take no lock: once they are past reading the ledger, the only trace of them is a transaction
# with an id (facts: Drizzle 6). `suspect` is what an ordinary writer of the application does not do.
WRITERS = """
select a.pid, a.backend_xid::text, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - a.xact_start)::float8, a.query,
       a.application_name ~* 'drizzle' or pg_catalog.left(a.query, %(head)s) = any(%(texts)s)
       or exists (select from pg_catalog.pg_locks l
                   where l.pid = a.pid and l.locktype = 'relation' and l.database = a.datid
                     and (l.relation = pg_catalog.to_regclass(%(ledger)s) and l.mode <> 'AccessShareLock'
                          or l.relation >= 16384 and l.granted and l.mode = any(%(strong)s)))
  from pg_catalog.pg_stat_activity a
 where a.datname = pg_catalog.current_database()
   and a.backend_type = 'client backend'
   and a.backend_xid is not null
   and a.pid <> all(%(ours)s)
"""

STRONG = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]  # what DDL takes

EXCLUSIVE = """
select distinct a.pid, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - a.xact_start)::float8, a.query
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
 where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted and l.relation >= 16384
   and a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
"""

NAMED = """
select pid, (extract(epoch from backend_start) * 1000000)::int8, state,
       extract(epoch from clock_timestamp() - state_change)::float8
  from pg_catalog.pg_stat_activity
 where application_name = any(%s) and datname = %s and pid <> pg_catalog.pg_backend_pid()
"""

HOLDING = """
select a.pid, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - a.backend_start)::float8, a.query
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and l.granted and l.classid = %s and l.objid = %s
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
"""

END = """
select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
 where pid = %s and (extract(epoch from backend_start) * 1000000)::int8 = %s
"""


class Writer(NamedTuple):
    """A transaction of somebody else that has written."""

    pid: int
    transaction: str
    suspect: bool  # may be another migrator
    words: str


class GateSession(NamedTuple):
    """A session of the gate."""

    pid: int
    since: int  # when its backend began, in µs since 1970: psycopg reads a timestamptz in one DateStyle only
    words: str


def application_name(purpose: str) -> str:
    """The name under which `postgres.connect` shows a purpose."""
    return f"gate {purpose}"[:63]


def blockers(connection: Connection, pid: int) -> tuple[Blocker, ...]:
    """Who a backend waits for right now, the oldest first; empty when it waits for nobody."""
    rows = connection.execute(BLOCKING, [pid]).fetchall()
    return tuple(
        Blocker(
            pid=row[0] or 0,
            since=row[6],
            state=row[3] or "",
            age_seconds=row[4] or 0.0,
            client=bool(row[7]),
            words=session_words(*row[:6]),
        )
        for row in rows
    )


def advisory_holder(connection: Connection, lock_class: int, lock: int) -> str:
    """Who holds a session's advisory lock of two numbers, in words; empty when nobody does any more."""
    unsigned = [number % (1 << 32) for number in (lock_class, lock)]  # as pg_locks shows them
    row = connection.execute(HOLDING, unsigned).fetchone()
    return session_words(*row) if row else ""


def exclusive_holders(connection: Connection) -> tuple[str, ...]:
    """Sessions that keep even readers out of a table, in words."""
    return tuple(session_words(*row) for row in connection.execute(EXCLUSIVE).fetchall())


def writers(connection: Connection, ledger: str, texts: Sequence[str], ours: list[int]) -> list[Writer]:
    """Transactions of this database that have written and are still open.

    Args:
        connection: not the one that migrates: a session sees one picture of the others within a transaction.
        ledger: the quoted, qualified name of the migrations table.
        texts: of the statements that are to run: whoever runs one of them is migrating.
        ours: pids to leave out.
    """
    asked = {"ledger": ledger, "ours": ours, "strong": STRONG, "head": HEAD, "texts": heads(texts)}
    rows = connection.execute(WRITERS, asked).fetchall()
    return [Writer(row[0], row[1], bool(row[7]), session_words(row[0], *row[2:7])) for row in rows]


def heads(texts: Sequence[str]) -> list[str]:
    """The beginnings of statements, as far as they are compared with what the server shows of a session."""
    return [text[:HEAD] for text in texts if text.strip()]


def sessions_named(connection: Connection, names: list[str], database: str) -> list[GateSession]:
    """Sessions of this database with one of these application names, without our own."""
    rows = connection.execute(NAMED, [names, database]).fetchall()
    return [
        GateSession(pid, since, f"pid {pid} ({state or 'unknown'} for {duration(age or 0)})")
        for pid, since, state, age in rows
    ]


def end_session(connection: Connection, session: GateSession) -> bool:
    """Ask a backend to end; True when the signal was sent to this very session, not to another one with its pid."""
    try:
        row = connection.execute(END, [session.pid, session.since]).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return False
    return bool(row and row[0])


def session_words(
    pid: int | None, application: str | None, user: str | None, state: str | None, age: float | None, query: str | None
) -> str:
    """A session for a person: who it is, what it does and for how long, its statement shortened."""
    if not pid:
        return "a prepared transaction"
    who = ", ".join(part for part in (application, f"user {user}" if user else "") if part)
    doing = f", {state} for {duration(age)}" if state and age is not None else ""
    said = cut(" ".join((query or "").split()), SHOWN)
    return f"pid {pid} ({who or 'unnamed'}{doing}{': ' + said if said else ''})"
