"""Borrows the empty server that the team named for proofs and rehearsals: checked first, left as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import describe, with_database
from tasks.gate.errors import Busy, GateError, Refused
from tasks.gate.identity import Identity

# Databases that a server may have without anybody's rows in them, those of managed services included.
SYSTEM_DATABASES = (
    "postgres",
    "rdsadmin",
    "cloudsqladmin",
    "azure_maintenance",
    "azure_sys",
    "defaultdb",
    "alloydbadmin",
)
MARK = "gate scratch"  # prefix of the database comment by which a later run knows what an earlier one left behind
LOCK_KEY = (0x67617465, 0x73637261)  # "gate", "scra": one borrower at a time
OTHERS = """
select d.datname, coalesce(shobj_description(d.oid, 'pg_database'), '')
  from pg_database d
 where not d.datistemplate and d.datname <> all(%s)
 order by 1
"""
MAY = "select rolsuper or rolcreatedb, rolsuper or rolcreaterole from pg_roles where rolname = current_user"
ROLES = "select rolname::text from pg_roles where oid >= 16384"


@contextmanager
def borrowed(configured: SecretStr, never: Identity | None) -> Iterator[tuple[SecretStr, int, list[str]]]:
    """The server's URL (database postgres), its version, and the list into which the borrower writes what it makes.

    Databases on that list are dropped at the end, and so are roles that were not there before. One gate at a time: a
    session lock says so to the others, and dies with us.

    Raises:
        ConfigurationError: it cannot be reached.
        Refused: it is production's cluster, a standby, holds databases of somebody's, or may not create databases.
        Busy: another gate uses it now.
    """
    url = with_database(configured, "postgres")
    name = describe(url)
    made: list[str] = []
    with postgres.connect(url, purpose="scratch", statement_timeout_ms=600_000) as session:
        _refuse_unusable(session, name, never)
        taken = session.execute("select pg_try_advisory_lock(%s, %s)", LOCK_KEY).fetchone()
        if not (taken and taken[0]):
            raise Busy(
                f"another gate proves or rehearses on the scratch server {name} now",
                hint="wait until it is done, or unset GATE_SCRATCH_URL to use a throw-away cluster",
            )
        _drop_leftovers(session, name)
        roles = {row[0] for row in session.execute(ROLES)}
        try:
            yield url, session.info.server_version, made
        finally:
            _leave_as_found(url, made, roles)


def _refuse_unusable(session: postgres.Connection, name: str, never: Identity | None) -> None:
    found = postgres.identity(session)
    if never is not None and found.system_identifier == never.system_identifier:
        raise Refused(
            f"the scratch server {name} is production's own cluster",
            hint="set GATE_SCRATCH_URL to another server, or unset it to use a throw-away cluster",
        )
    if postgres.in_recovery(session):
        raise Refused(
            f"the scratch server {name} is a standby", hint="set GATE_SCRATCH_URL to a server that can be written"
        )
    row = session.execute(MAY).fetchone()
    if row is None or not row[0]:
        raise Refused(
            f"role {session.info.user} may not create databases on the scratch server {name}",
            hint=f'ALTER ROLE "{session.info.user}" CREATEDB CREATEROLE on that server',
        )


def _drop_leftovers(session: postgres.Connection, name: str) -> None:
    rows = session.execute(OTHERS, [list(SYSTEM_DATABASES)]).fetchall()
    strangers = [row[0] for row in rows if not row[1].startswith(MARK)]
    if strangers:
        raise Refused(
            f"expected an empty scratch server, found {', '.join(strangers[:5])} on {name}",
            hint="set GATE_SCRATCH_URL to a server that holds nothing of anybody's",
        )
    for row in rows:
        _drop(session, row[0])


def mark(session: postgres.Connection, database: str) -> None:
    """Write on a database that it is ours to drop, should we die."""
    session.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(MARK)))


def _leave_as_found(url: SecretStr, made: list[str], roles: set[str]) -> None:
    """Cleaning up never hides the first error: what cannot be removed now, the next borrower removes."""
    with suppress(psycopg.Error, GateError), postgres.connect(url, purpose="scratch") as session:
        for database in made:  # one that was renamed since is not there, and keeps none of the others
            with suppress(psycopg.Error):
                _drop(session, database)
        for role in {row[0] for row in session.execute(ROLES)} - roles:
            with suppress(psycopg.Error):
                session.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _drop(session: postgres.Connection, database: str) -> None:
    session.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(database)))
    session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
