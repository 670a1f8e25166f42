"""What production's catalog shows of a statement that ran outside a transaction, and how its leftovers are removed."""

from psycopg import sql

from tasks.clients.postgres import Connection
from tasks.gate.progress import Left
from tasks.gate.segment import Alone, Kind

INDEX = """
select i.indexrelid::int8, i.indisvalid and i.indisready and i.indislive,
       i.indrelid = pg_catalog.to_regclass(%(table)s), pg_catalog.pg_get_indexdef(i.indexrelid)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
 where c.relname = %(name)s
   and c.relnamespace = (select relnamespace from pg_catalog.pg_class where oid = pg_catalog.to_regclass(%(table)s))
"""
BUILDERS = "select pid from pg_catalog.pg_stat_progress_create_index where index_relid = %s and pid <> pg_backend_pid()"
VALID = "select indisvalid from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(%s)"
ATTACHED = """
select inhdetachpending from pg_catalog.pg_inherits
 where inhrelid = pg_catalog.to_regclass(%s) and inhparent = pg_catalog.to_regclass(%s)
"""
# REINDEX CONCURRENTLY builds beside and swaps: what it leaves is a copy that nobody uses.
COPIES = r"""
select n.nspname::text, c.relname::text
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relname ~ '_cc(new|old)\d*$' and n.nspname !~ '^pg_'
   and (%(table)s::text is null or i.indrelid = pg_catalog.to_regclass(%(table)s))
   and (%(index)s::text is null
        or i.indrelid = (select indrelid from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(%(index)s)))
"""
SCHEMA_OF = """
select n.nspname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = pg_catalog.to_regclass(%s)
"""
DROP = "drop index concurrently if exists {}"
FINALIZE = "alter table {} detach partition {} finalize"


def look(connection: Connection, alone: Alone, expected: str) -> Left:
    """What the catalog shows of a statement, whoever ran it.

    Args:
        connection: any, outside a transaction.
        alone: the statement.
        expected: of an index, its definition as the rehearsal saw it; any will do while that is empty.
    """
    if alone.kind is Kind.BUILD_INDEX:
        return _index(connection, alone, expected)
    if alone.kind is Kind.DROP_INDEX:
        row = connection.execute(VALID, [_quoted(alone.name)]).fetchone()
        if row is None:
            return Left.DONE
        return Left.NOTHING if row[0] else Left.UNFINISHED
    if alone.kind is Kind.DETACH:
        found = connection.execute(ATTACHED, [_quoted(alone.name), _quoted(alone.table)]).fetchone()
        if found is None:
            return Left.DONE
        return Left.UNFINISHED if found[0] else Left.NOTHING
    return Left.UNFINISHED if alone.kind is Kind.REINDEX and _copies(connection, alone) else Left.NOTHING


def definition(connection: Connection, alone: Alone) -> str:
    """The definition of the index that a statement has built; empty for any other statement."""
    if alone.kind is not Kind.BUILD_INDEX:
        return ""
    row = connection.execute(INDEX, {"name": alone.name[-1], "table": _quoted(alone.table)}).fetchone()
    return str(row[3]) if row else ""


def clear(connection: Connection, alone: Alone) -> tuple[str, ...]:
    """Remove what a statement left unfinished; returns what was done, in words.

    Raises:
        psycopg.Error: it could not, for example because a lock was not free in time.
    """
    if alone.kind is Kind.BUILD_INDEX:
        connection.execute(sql.SQL(DROP).format(sql.Identifier(*_place(connection, alone))))
        return (f"dropped the INVALID index {alone.about}",)
    if alone.kind is Kind.DETACH:
        connection.execute(sql.SQL(FINALIZE).format(sql.Identifier(*alone.table), sql.Identifier(*alone.name)))
        return (f"finalised the detaching of {alone.about}",)
    done = []
    for schema, name in _copies(connection, alone):
        connection.execute(sql.SQL(DROP).format(sql.Identifier(schema, name)))
        done.append(f"dropped {schema}.{name}, which REINDEX left")
    return tuple(done)


def drop(connection: Connection, alone: Alone) -> tuple[str, ...]:
    """Take back an index that a statement has built; returns what was done, in words.

    Raises:
        psycopg.Error: it could not.
    """
    connection.execute(sql.SQL(DROP).format(sql.Identifier(*_place(connection, alone))))
    return (f"dropped the index {alone.about}, which nobody wrote down as built",)


def _index(connection: Connection, alone: Alone, expected: str) -> Left:
    row = connection.execute(INDEX, {"name": alone.name[-1], "table": _quoted(alone.table)}).fetchone()
    if row is None:
        return Left.NOTHING
    oid, valid, on_table, is_defined = row
    if not on_table or connection.execute(BUILDERS, [oid]).fetchone():
        return Left.OTHER
    if not valid:
        return Left.UNFINISHED
    return Left.DONE if not expected or expected == is_defined else Left.OTHER


def _place(connection: Connection, alone: Alone) -> tuple[str, ...]:
    """Schema and name of an index: it lies in its table's schema, wherever search_path found that."""
    row = connection.execute(SCHEMA_OF, [_quoted(alone.table)]).fetchone()
    return (str(row[0]), alone.name[-1]) if row else alone.name


def _copies(connection: Connection, alone: Alone) -> list[tuple[str, str]]:
    wanted = {
        "table": _quoted(alone.table) if alone.table else None,
        "index": _quoted(alone.name) if alone.name else None,
    }
    return [(schema, name) for schema, name in connection.execute(COPIES, wanted)]


def _quoted(name: tuple[str, ...]) -> str:
    return sql.Identifier(*name).as_string(None)
