"""Databases of a server by name and oid: closing, emptying, renaming; asked from the maintenance database."""

from typing import NamedTuple

from psycopg import sql

from tasks.clients.postgres import Connection

LOOK = "select datname::text, oid::bigint, datallowconn from pg_catalog.pg_database where datname = %s or oid = %s"
ALLOW = "alter database {} allow_connections {}"
RENAME = "alter database {} rename to {}"
READ_ONLY = "alter database {} set default_transaction_read_only = on"
END = """
select pid, coalesce(nullif(application_name, ''), backend_type), usename::text, pg_catalog.pg_terminate_backend(pid)
  from pg_catalog.pg_stat_activity
 where datid = any(%s) and pid <> all(%s) and backend_type <> 'autovacuum worker'  -- RENAME ends those itself
 order by pid
"""
PREPARED = "select gid from pg_catalog.pg_prepared_xacts where database = any(%s) order by 1"


class Database(NamedTuple):
    """One row of pg_database."""

    name: str
    oid: int
    open: bool  # connections are allowed; closed, not even a superuser gets in


def named(server: Connection, name: str) -> Database | None:
    """The database of this name."""
    return next((d for d in _rows(server, name, 0) if d.name == name), None)


def numbered(server: Connection, oid: int) -> Database | None:
    """The database of this oid, whatever it is called now."""
    return next((d for d in _rows(server, "", oid) if d.oid == oid), None)


def allow(server: Connection, name: str, *, allowed: bool) -> None:
    """Let connections in, or keep everybody out; `CONNECTION LIMIT 0` would let superusers pass (fact 16)."""
    server.execute(sql.SQL(ALLOW).format(sql.Identifier(name), sql.SQL("true" if allowed else "false")))


def end_sessions(server: Connection, oids: list[int], spare: list[int]) -> list[str]:
    """Tell every session of these databases to end, and say which ones there still were.

    Raises:
        psycopg.errors.InsufficientPrivilege: one belongs to somebody whom this role may not end.
    """
    return [f"pid {pid} ({name}, user {user})" for pid, name, user, _ in server.execute(END, [oids, spare])]


def prepared_transactions(server: Connection, names: list[str]) -> list[str]:
    """Names of prepared transactions: they keep a database in use without any session."""
    return [gid for (gid,) in server.execute(PREPARED, [names])]


def exchange(server: Connection, *, name: str, aside: str | None, new: str) -> None:
    """In one transaction: `name` becomes `aside`, `new` becomes `name`, and both can be connected to again.

    The one set aside is read-only by default from then on, so that nobody who finds it writes into it by mistake.
    """
    with server.transaction():
        if aside is not None:
            server.execute(sql.SQL(RENAME).format(sql.Identifier(name), sql.Identifier(aside)))
            server.execute(sql.SQL(READ_ONLY).format(sql.Identifier(aside)))
            allow(server, aside, allowed=True)
        server.execute(sql.SQL(RENAME).format(sql.Identifier(new), sql.Identifier(name)))
        allow(server, name, allowed=True)


def _rows(server: Connection, name: str, oid: int) -> list[Database]:
    return [Database(*row) for row in server.execute(LOOK, [name, oid])]
