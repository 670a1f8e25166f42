"""Opens every connection to PostgreSQL: with a name, with time limits, and read-only where nothing may be written."""

import os
from typing import Any

import psycopg
from pydantic import SecretStr

from tasks.clients.address import describe, parameters, with_database
from tasks.clients.connection_failures import translate
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity

__all__ = ["Connection", "cleanse_environment", "connect", "describe", "identity", "in_recovery", "with_database"]

Connection = psycopg.Connection[tuple[Any, ...]]

# A dead peer is noticed in about half a minute (failure-modes: tcp_user_timeout and keepalives 10-30 s);
# what the URL says goes first.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# Settings by the server version that first knows them. The two limits may be set on the role, the database or the
# server, and would end what must last: a long apply or restore, a session that rests between two attempts.
KNOWN_SINCE = (
    (140000, {"client_connection_check_interval": "10s", "idle_session_timeout": "0"}),
    (170000, {"transaction_timeout": "0"}),
)
IDENTITY = """
select (select system_identifier::text from pg_control_system()),
       d.oid::bigint,
       d.datname::text,
       case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
            -- after a promotion the control file names the old timeline until the next checkpoint
            else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
       current_setting('server_version_num')::int,
       current_setting('server_version')
  from pg_database d
 where d.datname = current_database()
"""


def cleanse_environment() -> None:
    """Remove every PG* variable but PGPASSFILE and PGSSL* from this process.

    libpq reads PGOPTIONS, PGSERVICE, PGHOST and two dozen more behind everybody's back; a forgotten PGDATABASE must
    not decide where a migration goes. Called once, at the door.
    """
    for name in list(os.environ):
        if name.startswith("PG") and name != "PGPASSFILE" and not name.startswith("PGSSL"):
            del os.environ[name]


def connect(
    url: SecretStr | str,
    *,
    purpose: str,
    read_only: bool = False,
    lock_timeout_ms: int = 5000,
    statement_timeout_ms: int = 60_000,
    idle_timeout_ms: int = 60_000,
    database: str | None = None,
    connect_timeout_s: int = 5,
) -> Connection:
    """A connection in autocommit mode, named `gate <purpose>`, with our time limits set by SET, whatever the URL says.

    A session, and a transaction as a whole, may last as long as they like: whoever works has the limits below.

    Args:
        url: postgresql:// URL; its options (sslmode, options, ...) are kept.
        purpose: two or three words that show up in pg_stat_activity.
        read_only: nothing can be written on it (default_transaction_read_only).
        lock_timeout_ms: how long a statement may wait for a lock, in ms; 0 is no limit.
        statement_timeout_ms: how long a statement may run, in ms; 0 is no limit.
        idle_timeout_ms: how long a transaction may sit idle, in ms; 0 for a session that holds a dump's snapshot.
        database: another database than the URL's, on the same server.
        connect_timeout_s: how long one host may take to answer, in seconds; the URL's connect_timeout goes first.

    Raises:
        ConfigurationError: it could not be opened, with the cause and a remedy, and without the password.
    """
    found = parameters(url)
    if database is not None:
        found["dbname"] = database
    # Text may not carry NUL and application_name holds 63 bytes; the server cuts, but pg_stat_activity should be whole.
    name = f"gate {purpose}"[:63]
    ours = {"application_name": name, "client_encoding": "UTF8"}
    limits = {
        "lock_timeout": f"{lock_timeout_ms}ms",
        "statement_timeout": f"{statement_timeout_ms}ms",
        "idle_in_transaction_session_timeout": f"{idle_timeout_ms}ms",
    }
    if read_only:
        limits["default_transaction_read_only"] = "on"
    try:
        connection: Connection = psycopg.connect(
            **{**KEEPALIVES, "connect_timeout": str(connect_timeout_s), **found, **ours},  # type: ignore[arg-type]
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise translate(error, found) from None
    try:
        for version, settings in KNOWN_SINCE:
            if connection.info.server_version >= version:
                limits |= settings
        _set(connection, limits)
    except psycopg.Error as error:
        connection.close()
        raise translate(error, found) from None
    return connection


def identity(connection: Connection) -> Identity:
    """Which database of which cluster this is.

    Raises:
        ConfigurationError: the role may not ask.
    """
    try:
        row = connection.execute(IDENTITY).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            f"user {connection.info.user} may not read the identity of the server of {connection.info.dbname}",
            hint="GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO this user",
        ) from None
    assert row is not None, "a session is always in a database"
    return Identity(
        system_identifier=row[0],
        database_oid=row[1],
        database=row[2],
        timeline=row[3],
        server_version_num=row[4],
        server_version=str(row[5]).split()[0],
    )


def in_recovery(connection: Connection) -> bool:
    """True on a standby: it answers questions, and accepts no migration."""
    row = connection.execute("select pg_is_in_recovery()").fetchone()
    return bool(row and row[0])


def _set(connection: Connection, settings: dict[str, str]) -> None:
    """Set session settings in one round trip."""
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.execute(f"select {calls}", [text for pair in settings.items() for text in pair])
