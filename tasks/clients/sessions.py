"""Other sessions of a database: who blocks us, who may be writing the ledger, and which are the gate's own."""

from datetime import datetime
from typing import NamedTuple

import psycopg

from tasks.clients.postgres import Connection
from tasks.gate.wording import cut, duration

SHOWN = 80  # characters of a statement: enough to recognise it

BLOCKING = """
select a.pid, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start))::float8, a.query
  from unnest(pg_catalog.pg_blocking_pids(%s)) as blocking(pid)
  left join pg_catalog.pg_stat_activity a using (pid)
 order by 5 desc nulls last
"""

# Drizzle's own tools take no lock: once they are past reading the ledger, the only trace of them is a transaction
# with an id (facts: Drizzle 6). `suspect` is what an ordinary writer of the application does not do.
WRITERS = """
select a.pid, a.backend_xid::text, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - a.xact_start)::float8, a.query,
       a.application_name ~* 'drizzle'
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
select pid, backend_start, state, extract(epoch from clock_timestamp() - state_change)::float8
  from pg_catalog.pg_stat_activity
 where application_name = any(%s) and datname = %s and pid <> pg_catalog.pg_backend_pid()
"""

END = """
select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where pid = %s and backend_start = %s
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
    since: datetime
    words: str


def application_name(purpose: str) -> str:
    """The name under which `postgres.connect` shows a purpose."""
    return f"gate {purpose}"[:63]


def blockers(connection: Connection, pid: int) -> tuple[str, ...]:
    """Who a backend waits for right now, in words, the oldest first; empty when it waits for nobody."""
    rows = connection.execute(BLOCKING, [pid]).fetchall()
    return tuple(_words(p, application, user, state, age, query) for p, application, user, state, age, query in rows)


def exclusive_holders(connection: Connection) -> tuple[str, ...]:
    """Sessions that keep even readers out of a table, in words."""
    return tuple(_words(*row) for row in connection.execute(EXCLUSIVE).fetchall())


def writers(connection: Connection, ledger: str, ours: list[int]) -> list[Writer]:
    """Transactions of this database that have written and are still open.

    Args:
        connection: not the one that migrates: a session sees one picture of the others within a transaction.
        ledger: the quoted, qualified name of the migrations table.
        ours: pids to leave out.
    """
    rows = connection.execute(WRITERS, {"ledger": ledger, "ours": ours, "strong": STRONG}).fetchall()
    return [Writer(row[0], row[1], bool(row[7]), _words(row[0], *row[2:7])) for row in rows]


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


def _words(
    pid: int | None, application: str | None, user: str | None, state: str | None, age: float | None, query: str | None
) -> str:
    if not pid:
        return "a prepared transaction"
    who = ", ".join(part for part in (application, f"user {user}" if user else "") if part)
    doing = f", {state} for {duration(age)}" if state and age is not None else ""
    said = cut(" ".join((query or "").split()), SHOWN)
    return f"pid {pid} ({who or 'unnamed'}{doing}{': ' + said if said else ''})"
