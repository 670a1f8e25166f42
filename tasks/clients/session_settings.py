"""Settings that decide what a statement means: production's, so that a copy of it understands SQL as it does.

ALTER DATABASE, ALTER ROLE and postgresql.conf keep them beside the database: neither a dump nor CREATE DATABASE ...
TEMPLATE takes them along. On the copy an unqualified CREATE TABLE would land in another schema than in production, and
pg_dump would write bounds and defaults of timestamptz in another time zone.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from psycopg import sql

from tasks.clients.database_settings import LIST_ITEM, PLACEHOLDER, statement_that_sets
from tasks.clients.postgres import Connection

# What a name, a literal or a value as text means, and how pg_dump writes an expression; all may be set by everybody.
# Left out: what only decides how fast, how long or how loud; locales, which another machine may not have.
DECIDE = (
    "array_nulls",
    "backslash_quote",
    "bytea_output",
    "check_function_bodies",
    "DateStyle",
    "default_table_access_method",
    "default_text_search_config",
    "extra_float_digits",
    "IntervalStyle",
    "quote_all_identifiers",
    "search_path",
    "standard_conforming_strings",
    "TimeZone",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
)
# As initdb writes them into postgresql.conf for a machine in UTC without a language, which our own clusters are; the
# usual value of the others is the one that is built in.
USUAL = {"DateStyle": "ISO, MDY", "TimeZone": "UTC", "default_text_search_config": "pg_catalog.english"}
UTC = frozenset(
    {"GMT", "UTC", "UCT", "Etc/GMT", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "Universal", "Zulu"}
)
VALUES = """
select name, pg_catalog.current_setting(name), boot_val from pg_catalog.pg_settings where name = any(%s) order by name
"""
PATH = """
select pg_catalog.current_setting('search_path'), current_user::text,
       exists (select from pg_catalog.pg_namespace where nspname = current_user)
"""
SCHEMAS = (
    "select nspname::text from unnest(pg_catalog.current_schemas(false)) with ordinality as s(nspname, n) order by n"
)
KEPT = re.compile(rf'alter database {PLACEHOLDER} set "(\w+)" to (.*)', re.DOTALL)
LITERAL = re.compile(r"'((?:[^']|'')*)'")
OWN = "$user"  # in a search path: the schema that is called like the role


class Session(NamedTuple):
    """How production's sessions begin, for a database that starts empty."""

    settings: Mapping[str, str] = MappingProxyType({})
    schemas: tuple[str, ...] = ()  # of a search path that is set: those that exist


BY_ITSELF = Session()  # as PostgreSQL begins one


def session_of(connection: Connection) -> Session:
    """As `session_settings`, with the schemas that an empty database lacks."""
    return session_like(connection, session_settings(connection))


def session_like(connection: Connection, settings: Mapping[str, str]) -> Session:
    """A session that begins with these settings, with the schemas that this connection finds on its path."""
    schemas = connection.execute(SCHEMAS) if "search_path" in settings else ()
    return Session(settings, tuple(str(name) for (name,) in schemas))


def session_settings(connection: Connection) -> dict[str, str]:
    """Those that are not as usual, whoever set them: postgresql.conf, the database, the role or the URL; mostly none.

    `"$user"` in the search path becomes the role's name, since another role runs the copy. A schema of that name
    decides where tables land also where nobody set a path.

    Args:
        connection: to production, as the role that will migrate, with nothing set by hand.
    """
    values = connection.execute(VALUES, [list(DECIDE)]).fetchall()
    found = {name: text for name, text, built_in in values if _shown(name, text) != USUAL.get(name, built_in)}
    row = connection.execute(PATH).fetchone()
    assert row is not None, "these functions always return a row"
    path, role, has_own = row
    names = path_items(path)
    if OWN in names and (has_own or "search_path" in found):
        found["search_path"] = ", ".join(_quoted(role if name == OWN else name) for name in names)
    return found


def kept(statements: Iterable[str]) -> dict[str, str]:
    """Those of the database alone, from what a backup kept of it; which role will migrate it does not know.

    Args:
        statements: a manifest's `database_settings`.
    """
    found = {}
    for match in filter(None, map(KEPT.fullmatch, statements)):
        name, values = match[1], [text.replace("''", "'") for text in LITERAL.findall(match[2])]
        if name in DECIDE:
            found[name] = ", ".join(map(_quoted, values)) if name == "search_path" else values[0]
    return found


def path_items(path: str) -> list[str]:
    """The names in a search path, as they are in the catalog."""
    return [quoted.replace('""', '"') or plain for quoted, plain in LIST_ITEM.findall(path)]


def set_on(connection: Connection, database: str, settings: Mapping[str, str]) -> None:
    """Have every later session of a database begin with these settings; safe to run twice.

    Args:
        connection: to any database of that server, as the owner of the one that is named.
        database: receives them.
        settings: as `session_settings` returned them.

    Raises:
        psycopg.Error: this server does not take one of them.
    """
    name = sql.Identifier(database).as_string(connection)
    for setting, text in settings.items():
        connection.execute(statement_that_sets(connection, f"alter database {name}", setting, text).encode())


def _shown(name: str, text: str) -> str:
    return "UTC" if name == "TimeZone" and text in UTC else text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
