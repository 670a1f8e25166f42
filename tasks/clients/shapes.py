"""Reads which relations there are, by their numbers, and how many values a table's columns hold.

A copy made with TEMPLATE keeps the object numbers, so a renamed table or column is told apart from a lost one.
"""

from typing import Any

from psycopg import sql

from tasks.clients.postgres import Connection
from tasks.gate.losses import Contents, Shape

SHAPES = """
select c.oid::int8,
       case c.relkind when 'v' then 'view' when 'm' then 'materialised view' when 'f' then 'foreign table'
            else 'table' end,
       n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname),
       (select array_agg(a.attnum::int4 order by a.attnum) from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')),
       (select array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')),
       (select array_agg(i.inhparent::int8) from pg_catalog.pg_inherits i where i.inhrelid = c.oid),
       c.relname::text
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select k.oid::int8, 'foreign key', n.nspname::text, c.relname::text,
       format('%I of %I.%I', k.conname, n.nspname, c.relname), null, null, null, k.conname::text
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where k.contype = 'f' and k.conparentid = 0
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
CONTENTS = "select {counts} from only {table}"
COLUMNS_AT_ONCE = 800  # below the limit of 1,664 result columns


def read_shapes(connection: Connection, ignored: tuple[str, str]) -> dict[int, Shape]:
    """Every table, view and foreign key of the database but the ledger, by its number.

    Args:
        connection: to the database.
        ignored: schema and name of the ledger.
    """
    return {row[0]: _shape(row) for row in connection.execute(SHAPES) if row[2:4] != ignored}


def _shape(row: tuple[Any, ...]) -> Shape:
    oid, kind, schema, relation, label, numbers, names, parents, word = row
    columns = dict(zip(numbers or (), names or (), strict=True))
    return Shape(oid, kind, schema, relation, label, columns, tuple(parents or ()), word)


def read_contents(connection: Connection, table: Shape) -> Contents:
    """Rows of a table, children left out, and values of each column that are not null."""
    names = list(table.columns.values())
    rows, values = 0, dict[str, int]()
    for start in range(0, max(1, len(names)), COLUMNS_AT_ONCE):
        some = names[start : start + COLUMNS_AT_ONCE]
        counts = [sql.SQL("count(*)"), *(sql.SQL("count({})").format(sql.Identifier(name)) for name in some)]
        query = sql.SQL(CONTENTS).format(
            counts=sql.SQL(", ").join(counts), table=sql.Identifier(table.schema, table.relation)
        )
        found = connection.execute(query).fetchone()
        assert found is not None, "an aggregate always returns a row"
        rows, values = int(found[0]), {**values, **dict(zip(some, found[1:], strict=True))}
    return Contents(rows, values)
