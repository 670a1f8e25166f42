"""Reads a table as a stream of keys and content hashes, in an order in which two databases can be merged."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psycopg import sql

from tasks.clients.postgres import Connection
from tasks.gate.row_merge import Row

TABLES = r"""
select n.nspname::text, c.relname::text, pg_catalog.format('%I.%I', n.nspname, c.relname),
       array(select array[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)]
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
       array(select array[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)]
               from pg_catalog.pg_index i cross join lateral unnest(i.indkey::int2[]) with ordinality k(attnum, place)
               join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
              where i.indrelid = c.oid and i.indisprimary order by k.place)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 3
"""
# One number for the whole table: most tables are equal, and then nothing has to be sorted or sent.
SUM = "select count(*), coalesce(sum({content}::numeric), 0)::text from only {table}"
CONTENT = 'pg_catalog.hashtextextended({row}::text collate "C", 0)'
# "C" puts text in the order of its bytes, which is also the order in which Python compares str.
STREAM = """
select array[{key}]::text[], {content}, ctid::text, xmin::text::bigint from only {table} order by {order}
"""
BATCH = 5000


class Column(NamedTuple):
    """A column and its type; of another type, the same text would mean something else."""

    name: str
    type: str


class Table(NamedTuple):
    """A table with rows of its own."""

    schema: str
    name: str
    label: str  # quoted, schema-qualified
    columns: tuple[Column, ...]
    key: tuple[Column, ...]  # of the primary key; empty when it has none


def tables(connection: Connection) -> dict[str, Table]:
    """Every table of the users by its quoted, qualified name; partitions count, their parents hold no rows."""
    found = {}
    for schema, name, label, columns, key in connection.execute(TABLES):
        found[label] = Table(schema, name, label, _columns(columns), _columns(key))
    return found


def summary(connection: Connection, table: Table, columns: Sequence[Column]) -> tuple[int, str]:
    """Rows, and the sum of their content hashes over these columns."""
    query = sql.SQL(SUM).format(content=_content(columns), table=sql.Identifier(table.schema, table.name))
    row = connection.execute(query).fetchone()
    assert row is not None, "an aggregate always returns a row"
    return int(row[0]), str(row[1])


def rows(connection: Connection, table: Table, key: Sequence[Column], columns: Sequence[Column]) -> Iterator[Row]:
    """The rows in the order of their keys as text, read in batches.

    Args:
        connection: inside a transaction.
        table: of this database.
        key: columns that identify a row; the content does where there are none.
        columns: what is compared.
    """
    texts = [sql.SQL("{}::text").format(sql.Identifier(c.name)) for c in key]
    order = sql.SQL(", ").join(sql.SQL('{} collate "C"').format(text) for text in texts) if texts else sql.SQL("2")
    query = sql.SQL(STREAM).format(
        key=sql.SQL(", ").join(texts),
        content=_content(columns),
        table=sql.Identifier(table.schema, table.name),
        order=order,
    )
    with connection.cursor(name="gate_rows") as cursor:
        cursor.itersize = BATCH
        cursor.execute(query)
        for found, hashed, ctid, xmin in cursor:
            yield Row(tuple(found) if texts else (_sortable(hashed),), hashed, ctid, xmin)


def _columns(pairs: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name, type_ in pairs)


def _content(columns: Sequence[Column]) -> sql.Composed:
    row = sql.SQL("row({})").format(sql.SQL(", ").join(sql.Identifier(c.name) for c in columns))
    return sql.SQL(CONTENT).format(row=row)


def _sortable(number: int) -> str:
    """A signed 64-bit number as text that sorts as the number does."""
    return f"{number + (1 << 63):020d}"


def as_csv(connection: Connection, table: Table, ctids: Sequence[str]) -> Iterator[bytes]:
    """These rows as CSV with one header line, as COPY writes it, so that COPY reads it back."""
    for start in range(0, len(ctids), BATCH):
        query = sql.SQL(
            "copy (select * from only {} where ctid = any({}::tid[])) to stdout (format csv, header {})"
        ).format(
            sql.Identifier(table.schema, table.name),
            sql.Literal(list(ctids[start : start + BATCH])),
            sql.SQL("true" if start == 0 else "false"),
        )
        with connection.cursor().copy(query) as copy:
            for piece in copy:
                yield bytes(piece)
