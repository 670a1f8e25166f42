"""Asks PostgreSQL, privilege by privilege, what the connected role may not do, and how to grant it."""

from typing import Literal, NamedTuple

from psycopg import sql

from tasks.clients.postgres import Connection

# What a dump reads: rows of tables, state of sequences. An extension's own are not dumped unless it says so.
UNREADABLE = """
select n.nspname, c.relname, c.relkind = 'S', format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'S') and c.relpersistence <> 't'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and (not exists (select from pg_depend d
                     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
        or c.oid in (select unnest(extconfig) from pg_extension))
   and not case when c.relkind = 'S' then has_sequence_privilege(c.oid, 'SELECT')
                else has_table_privilege(c.oid, 'SELECT') end
 order by 1, 2
"""
CLOSED_SCHEMAS = """
select nspname from pg_namespace n
 where nspname !~ '^pg_' and nspname <> 'information_schema' and not has_schema_privilege(oid, 'USAGE')
   and exists (select from pg_class c where c.relnamespace = n.oid)
 order by 1
"""
FILTERED_BY_ROW_SECURITY = """
select format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and c.relrowsecurity and row_security_active(c.oid)
 order by 1
"""
UNREADABLE_LARGE_OBJECTS = """
select oid from pg_largeobject_metadata
 where not pg_has_role(lomowner, 'USAGE') and not (select rolsuper from pg_roles where rolname = current_user)
   and not exists (select from aclexplode(lomacl) a where a.privilege_type = 'SELECT'
                    and case when a.grantee = 0 then true else pg_has_role(a.grantee, 'USAGE') end)
 order by 1
"""
LEDGER = """
select n.oid, has_schema_privilege(n.oid, 'USAGE'), has_schema_privilege(n.oid, 'CREATE'),
       c.oid, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),
       has_table_privilege(c.oid, 'UPDATE,DELETE,TRUNCATE')
  from pg_namespace n
  left join pg_class c on c.relnamespace = n.oid and c.relname = %s and c.relkind in ('r', 'p')
 where n.nspname = %s
"""
LEDGER_SEQUENCES = """
select format('%%I.%%I', n.nspname, s.relname) from pg_depend d
  join pg_class s on s.oid = d.objid
  join pg_namespace n on n.oid = s.relnamespace
 where d.refclassid = 'pg_class'::regclass and d.refobjid = %s
   and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'USAGE') else false end
"""
OWN_ROWS = """
select has_schema_privilege(n.oid, 'USAGE,CREATE'), c.oid,
       has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT')
       and has_table_privilege(c.oid, 'UPDATE')
  from pg_namespace n
  left join pg_class c on c.relnamespace = n.oid and c.relname = 'statements' and c.relkind = 'r'
 where n.nspname = 'gate'
"""
MAY_CREATE_SCHEMA = "select has_database_privilege(current_database(), 'CREATE')"
# A swap is done from the maintenance database, where a role that logged in with SET ROLE (deploy/roles.sql) is itself.
FOR_A_SWAP = """
select (select rolsuper or rolcreatedb from pg_roles where rolname = session_user),
       pg_has_role(session_user, datdba, 'USAGE'), pg_has_role(session_user, 'pg_signal_backend', 'USAGE')
  from pg_database where datname = current_database()
"""
MAY_SEE_OTHERS = "select pg_has_role('pg_read_all_stats', 'USAGE')"


class Missing(NamedTuple):
    """Something the role may not do, and the statement that lets it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


def missing_for_backup(connection: Connection) -> list[Missing]:
    """What pg_dump would fail on, or would silently leave out."""
    me = _me(connection)
    found = [
        Missing(f"no USAGE on schema {name}", f"GRANT USAGE ON SCHEMA {_quoted(connection, name)} TO {me}")
        for (name,) in connection.execute(CLOSED_SCHEMAS)
    ]
    for _schema, _name, is_sequence, quoted in connection.execute(UNREADABLE):
        kind = "SEQUENCE" if is_sequence else "TABLE"
        found.append(Missing(f"no SELECT on {kind.lower()} {quoted}", f"GRANT SELECT ON {kind} {quoted} TO {me}"))
    filtered = [name for (name,) in connection.execute(FILTERED_BY_ROW_SECURITY)]
    found += [Missing(f"row security hides rows of {name}", f"ALTER ROLE {me} BYPASSRLS") for name in filtered]
    for (oid,) in connection.execute(UNREADABLE_LARGE_OBJECTS):
        found.append(Missing(f"no SELECT on large object {oid}", f"GRANT SELECT ON LARGE OBJECT {oid} TO {me}"))
    return found


def missing_for_ledger(connection: Connection, schema: str, table: str) -> list[Missing]:
    """What writing Drizzle's table as its owner does would fail on."""
    me, where = _me(connection), f"{_quoted(connection, schema)}.{_quoted(connection, table)}"
    row = connection.execute(LEDGER, [table, schema]).fetchone()
    if row is None:
        if (connection.execute(MAY_CREATE_SCHEMA).fetchone() or (False,))[0]:
            return []
        database = _quoted(connection, connection.info.dbname)
        return [Missing(f"may not create the schema {schema}", f"GRANT CREATE ON DATABASE {database} TO {me}")]
    _schema, usage, create, oid, select, insert, lock = row
    quoted = _quoted(connection, schema)
    found = [] if usage else [Missing(f"no USAGE on schema {schema}", f"GRANT USAGE ON SCHEMA {quoted} TO {me}")]
    if oid is None:
        missing = Missing(f"may not create the table {where}", f"GRANT CREATE ON SCHEMA {quoted} TO {me}")
        return found if create else [*found, missing]
    # LOCK TABLE ... ACCESS EXCLUSIVE, which keeps Drizzle's own tools out, wants more than INSERT.
    for held, name in ((select, "SELECT"), (insert, "INSERT"), (lock, "UPDATE")):
        if not held:
            found.append(Missing(f"no {name} on {where}", f"GRANT {name} ON TABLE {where} TO {me}"))
    for (sequence,) in connection.execute(LEDGER_SEQUENCES, [oid]):
        found.append(Missing(f"no USAGE on sequence {sequence}", f"GRANT USAGE ON SEQUENCE {sequence} TO {me}"))
    return found


def missing_for_segments(connection: Connection) -> list[Missing]:
    """What writing the gate's own rows fails on, which a plan in segments needs."""
    me = _me(connection)
    row = connection.execute(OWN_ROWS).fetchone()
    if row is None:
        if (connection.execute(MAY_CREATE_SCHEMA).fetchone() or (False,))[0]:
            return []
        database = _quoted(connection, connection.info.dbname)
        remedy = f"GRANT CREATE ON DATABASE {database} TO {me}, or CREATE SCHEMA gate AUTHORIZATION {me}"
        return [Missing("may not create the schema gate, where a plan in segments says how far it got", remedy)]
    create, table, write = row
    if table is None:
        return [] if create else [Missing("may not create gate.statements", f"GRANT CREATE ON SCHEMA gate TO {me}")]
    grant = f"GRANT SELECT, INSERT, UPDATE ON TABLE gate.statements TO {me}"
    return [] if write else [Missing("may not write gate.statements", grant)]


def missing_for_swap(connection: Connection) -> list[Missing]:
    """What restoring beside and swapping the names would fail on."""
    me, database = _me(connection, "session_user"), _quoted(connection, connection.info.dbname)
    creates, owns, signals = connection.execute(FOR_A_SWAP).fetchone() or (False, False, False)
    found = [] if creates else [Missing("may not create a database", f"ALTER ROLE {me} CREATEDB")]
    if not owns:
        found.append(Missing(f"does not own the database {database}", f"ALTER DATABASE {database} OWNER TO {me}"))
    if not signals:
        found.append(Missing("may not end other users' sessions", f"GRANT pg_signal_backend TO {me}"))
    return found


def missing_for_sight(connection: Connection) -> list[Missing]:
    """What keeps other users' sessions from being looked into."""
    if (connection.execute(MAY_SEE_OTHERS).fetchone() or (False,))[0]:
        return []
    return [Missing("may not see what other users' sessions do", f"GRANT pg_monitor TO {_me(connection)}")]


def _me(connection: Connection, which: Literal["current_user", "session_user"] = "current_user") -> str:
    row = connection.execute(f"select {which}").fetchone()
    return _quoted(connection, str(row[0]) if row else connection.info.user)


def _quoted(connection: Connection, name: str) -> str:
    return sql.Identifier(name).as_string(connection)
