"""Makes a scratch server able to hold a copy: its roles and extensions are there, its foreign servers lead nowhere."""

from typing import Any

import psycopg
from psycopg import sql

from tasks.clients.postgres import Connection
from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest
from tasks.gate.wording import listing

KNOWN_ROLES = "select rolname::text from pg_roles"
OFFERED = """
select name::text, array_agg(version::text),
       (select default_version from pg_available_extensions d where d.name = v.name)
  from pg_available_extension_versions v group by name
"""
SERVERS = "select srvname::text, srvoptions from pg_foreign_server where srvoptions is not null"
MAPPINGS = """
select srvname::text, case when umuser = 0 then null else usename::text end, umoptions
  from pg_user_mappings where umoptions is not null
"""
ALWAYS_THERE = ("public", "pg_catalog")


def create_roles(connection: Connection, manifest: Manifest) -> None:
    """Create the roles that own or are granted something in the backup, where they are missing; nobody can log in.

    Superusers have to be superusers: only they can own event triggers and foreign-data wrappers.

    Raises:
        Refused: the scratch server's role may not create them.
    """
    known = {row[0] for row in connection.execute(KNOWN_ROLES)}
    for role, superuser in sorted({manifest.owner or "postgres": False, **manifest.roles}.items()):
        if role in known:
            continue
        options = sql.SQL("nologin superuser" if superuser else "nologin")
        try:
            connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(role), options))
        except psycopg.errors.InsufficientPrivilege:
            raise Refused(
                f"role {connection.info.user} may not create role {role} on the scratch server",
                hint="give it SUPERUSER there, or unset GATE_SCRATCH_URL to use a throw-away cluster",
            ) from None


def create_extensions(connection: Connection, manifest: Manifest) -> None:
    """Make sure that every extension can be created, and create those whose version is not this server's default.

    A dump does not name versions (failure-modes 3.9), so pg_restore would create the default one.

    Raises:
        Refused: an extension is not installed on the scratch server, or not in this version, or a restore would make
            another version of it.
    """
    offered = {name: (set(versions), default) for name, versions, default in connection.execute(OFFERED)}
    wanted = {name: version for name, version in manifest.fingerprint.extensions.items() if name != "plpgsql"}
    missing = sorted(wanted.keys() - offered.keys())
    if missing:
        raise Refused(
            f"extension {listing(missing)} of the backup is not installed on the scratch server",
            hint="install the same packages as production has, or set GATE_SCRATCH_URL to an empty server with them",
        )
    for name, version in wanted.items():
        versions, default = offered[name]
        if version not in versions:
            raise Refused(
                f"extension {name}: version {version} expected, the scratch server offers {listing(sorted(versions))}",
                hint="install the same package as production has, or update the extension in production first",
            )
        if version != default:
            _create_version(connection, name, version, default, manifest.extension_schemas.get(name, ""))


def _create_version(connection: Connection, name: str, version: str, default: str, schema: str) -> None:
    if schema not in ALWAYS_THERE:  # the dump makes that schema itself, and does not restore where it is there already
        raise Refused(
            f"extension {name}: version {version} expected in schema {schema or 'of its own'}, where a restore makes "
            f"{default}, this server's default",
            hint=f"bring production to what its packages offer, by hand: ALTER EXTENSION {name} UPDATE TO '{default}'; "
            f"or restore on a server whose default is {version}; another backup would not help",
        )
    connection.execute(
        sql.SQL("create extension if not exists {} schema {} version {} cascade").format(
            sql.Identifier(name), sql.Identifier(schema), sql.Identifier(version)
        )
    )


def silence_foreign_servers(connection: Connection) -> None:
    """Remove addresses and passwords of foreign servers, so that nothing on the copy can reach another machine."""
    for server, user, options in connection.execute(MAPPINGS).fetchall():
        who = sql.SQL("public") if user is None else sql.Identifier(user)
        subject = sql.SQL("alter user mapping for {} server {}").format(who, sql.Identifier(server))
        connection.execute(subject + _dropped(options))
    for server, options in connection.execute(SERVERS).fetchall():
        connection.execute(sql.SQL("alter server {}").format(sql.Identifier(server)) + _dropped(options))


def _dropped(options: list[Any]) -> sql.Composable:
    names = [str(option).partition("=")[0] for option in options]
    return sql.SQL(" options ({})").format(
        sql.SQL(", ").join(sql.SQL("drop {}").format(sql.Identifier(name)) for name in names)
    )
