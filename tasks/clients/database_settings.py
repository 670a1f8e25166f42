"""What hangs on a database's name and that a dump of it leaves out: owner, grants, limits, settings, comment."""

import re
from collections.abc import Sequence

from psycopg import sql

from tasks.clients.canonical import canonical
from tasks.clients.postgres import Connection

# Stands for the database's name; psql takes it as it is: `psql --set=database=shop --file=...`.
PLACEHOLDER = ':"database"'
# Lists of quoted names in the catalog, which SET wants as separate strings (pg_dump: variable_is_guc_list_quote).
LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
LIST_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^,\s]+)')

DATABASE = """
select quote_ident(pg_get_userbyid(d.datdba)), d.datconnlimit, shobj_description(d.oid, 'pg_database'),
       d.datacl is not null
  from pg_database d where d.datname = current_database()
"""
GRANTS = """
select case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
       string_agg(distinct lower(a.privilege_type), ', ' order by lower(a.privilege_type)), a.is_grantable
  from pg_database d cross join lateral aclexplode(d.datacl) a
 where d.datname = current_database()
 group by 1, 3
 order by 1, 3
"""
SETTINGS = """
select case when s.setrole = 0 then null else quote_ident(pg_get_userbyid(s.setrole)) end as role, setting
  from pg_db_role_setting s
  join pg_database d on d.oid = s.setdatabase
 cross join lateral unnest(s.setconfig) with ordinality as one(setting, place)
 where d.datname = current_database()
 order by role nulls first, place
"""
LABELS = """
select provider, label from pg_shseclabel l
  join pg_database d on d.oid = l.objoid
 where l.classoid = 'pg_database'::regclass and d.datname = current_database()
 order by 1
"""


def settings_of(connection: Connection) -> tuple[str, ...]:
    """Statements that give another database what this one has beside its content, in a stable order.

    Owner, connection limit, comment, grants on the database, ALTER DATABASE SET and ALTER ROLE IN DATABASE SET,
    security labels (failure-modes R3). pg_dump writes them only with --create, where the name cannot be changed.
    Two databases agree in them when their statements are equal. `:"database"` stands for the name.
    """
    with canonical(connection):
        row = connection.execute(DATABASE).fetchone()
        assert row is not None, "a session is always in a database"
        owner, limit, comment, granted = row
        grants = connection.execute(GRANTS).fetchall() if granted else []
        settings = connection.execute(SETTINGS).fetchall()
        labels = connection.execute(LABELS).fetchall()
        quoted = {text: _literal(connection, text) for _, text in labels} | {"": _literal(connection, comment or "")}
        return (
            f"alter database {PLACEHOLDER} owner to {owner}",
            f"alter database {PLACEHOLDER} connection limit {limit}",
            *([f"comment on database {PLACEHOLDER} is {quoted['']}"] if comment else []),
            *(f'security label for "{provider}" on database {PLACEHOLDER} is {quoted[t]}' for provider, t in labels),
            *_grants(owner, grants, granted=granted),
            *(_setting(connection, role, text) for role, text in settings),
        )


def apply_settings(connection: Connection, database: str, statements: Sequence[str]) -> None:
    """Give a database what `settings_of` said of another one; safe to run twice.

    Args:
        connection: to any database of the server, as a role that may do this.
        database: the name of the database that receives them.
        statements: as `settings_of` returned them, or a manifest kept them.

    Raises:
        psycopg.Error: the role may not do it, or a role or setting is unknown on this server.
    """
    name = sql.Identifier(database).as_string(connection)
    with connection.transaction():
        for statement in statements:
            connection.execute(statement.replace(PLACEHOLDER, name, 1))


def _grants(owner: str, grants: list[tuple[str, str, bool]], *, granted: bool) -> list[str]:
    if not granted:
        return []
    start = [f"revoke all on database {PLACEHOLDER} from {role}" for role in ("public", owner)]
    return start + [
        f"grant {privileges} on database {PLACEHOLDER} to {role}{' with grant option' if grantable else ''}"
        for role, privileges, grantable in grants
    ]


def _setting(connection: Connection, role: str | None, text: str) -> str:
    name, _, value = text.partition("=")
    subject = f"alter database {PLACEHOLDER}" if role is None else f"alter role {role} in database {PLACEHOLDER}"
    return statement_that_sets(connection, subject, name, value)


def statement_that_sets(connection: Connection, subject: str, name: str, value: str) -> str:
    """`SUBJECT set NAME to VALUE`, with a value as the catalog writes it.

    Args:
        connection: quotes; nothing is sent.
        subject: `alter database x` or the like.
        name: the setting's.
        value: as in pg_db_role_setting, or as SHOW says it.
    """
    # Lists are taken apart: a quoted name of nothing, as in temp_tablespaces = '', can be set as a string only.
    items = [(quoted.replace('""', '"') or plain) for quoted, plain in LIST_ITEM.findall(value)]
    values = items if name in LISTS else [value]
    # Extensions' settings have a dot in their name, which is not to be quoted as one identifier.
    variable = ".".join(sql.Identifier(part).as_string(connection) for part in name.split("."))
    return (
        f"{subject} set {variable} to {', '.join(_literal(connection, v) for v in values) or _literal(connection, '')}"
    )


def _literal(connection: Connection, text: str) -> str:
    return sql.Literal(text).as_string(connection).strip()
