"""Reads Drizzle's table of migrations as it is, and finds the ones that stand elsewhere."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Ledger, LedgerRow

Connection = psycopg.Connection[tuple[Any, ...]]

# The table and its columns; no row when the schema is missing, one row without a kind when only the table is.
LOOK = """
select c.relkind::text,
       array(select a.attname::text from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
       (select t.typcategory = 'N' from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
         where a.attrelid = c.oid and a.attname = 'created_at' and not a.attisdropped)
  from pg_catalog.pg_namespace n
  left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = %s
 where n.nspname = %s
"""
ROWS = "select id, hash, created_at, {name} from {ledger} order by id"
# Every other table that could be a ledger of Drizzle's, by its name and columns (Dokploy keeps two names apart).
OTHERS = """
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and c.relname ilike '%%migration%%'
   and (n.nspname, c.relname) <> (%s, %s)
   and n.nspname not in ('pg_catalog', 'information_schema')
   and (select count(*) from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and not a.attisdropped and a.attname in ('id', 'hash', 'created_at')) = 3
 order by 1, 2
"""
KNOWN_HASHES = "select count(*), count(*) filter (where hash = any(%s)) from {ledger}"
TABLE_KINDS = ("r", "p")
COLUMNS = ("id", "hash", "created_at")


class OtherLedger(NamedTuple):
    """Another table that looks like Drizzle's."""

    schema_name: str
    table: str
    rows: int | None  # None when it may not be read
    ours: int  # rows whose hash is one of this folder's files

    @property
    def place(self) -> str:
        """`schema.table`."""
        return f"{self.schema_name}.{self.table}"


def beside_parameters(schema: str, table: str) -> sql.Identifier:
    """The ledger's name for a query that has parameters: psycopg takes a lone % in such a text for one of them."""
    return sql.Identifier(schema.replace("%", "%%"), table.replace("%", "%%"))


def look_at_ledger(connection: Connection, schema: str, table: str) -> Ledger:
    """Whether Drizzle's table is there and what shape it has, without its rows and without waiting for its locks.

    Raises:
        Refused: what is there under that name is not a table of Drizzle's.
    """
    found = connection.execute(LOOK, [table, schema]).fetchone()
    kind, columns, is_number = found or (None, [], None)
    if kind is None:
        return Ledger(
            schema_name=schema, table=table, exists=False, schema_exists=found is not None, has_name=False, rows=()
        )
    missing = [column for column in COLUMNS if column not in columns]
    if kind not in TABLE_KINDS or missing or not is_number:
        what = f"has no column {' and '.join(missing)}" if missing else "is not a table"
        if not missing and kind in TABLE_KINDS:
            what = "has a column created_at that holds no numbers"
        raise Refused(
            f"{schema}.{table} {what}, so it is not Drizzle's table of migrations",
            hint="set GATE_MIGRATIONS_SCHEMA and GATE_MIGRATIONS_TABLE to the one that the project's migrator uses",
        )
    return Ledger(schema_name=schema, table=table, exists=True, schema_exists=True, has_name="name" in columns, rows=())


def read_ledger(connection: Connection, schema: str, table: str) -> Ledger:
    """The rows of Drizzle's table, and what shape it has.

    Raises:
        ConfigurationError: it may not be read.
        Refused: what is there under that name is not a table of Drizzle's, or somebody holds it locked.
    """
    ledger = look_at_ledger(connection, schema, table)
    if not ledger.exists:
        return ledger
    return ledger.model_copy(update={"rows": _rows(connection, schema, table, has_name=ledger.has_name)})


def other_ledgers(connection: Connection, ledger: Ledger, hashes: Collection[str]) -> tuple[OtherLedger, ...]:
    """Every other table of the database that could be Drizzle's, with how many of its rows are of this folder.

    Args:
        connection: read-only will do.
        ledger: the configured one.
        hashes: of the folder's files.
    """
    places = connection.execute(OTHERS, [ledger.schema_name, ledger.table]).fetchall()
    return tuple(_other(connection, schema, table, list(hashes)) for schema, table in places)


def _other(connection: Connection, schema: str, table: str, hashes: list[str]) -> OtherLedger:
    query = sql.SQL(KNOWN_HASHES).format(ledger=beside_parameters(schema, table))
    try:
        row = connection.execute(query, [hashes]).fetchone()
    except psycopg.Error:
        return OtherLedger(schema, table, None, 0)
    return OtherLedger(schema, table, *(row or (0, 0)))


def _rows(connection: Connection, schema: str, table: str, *, has_name: bool) -> tuple[LedgerRow, ...]:
    query = sql.SQL(ROWS).format(
        name=sql.Identifier("name") if has_name else sql.NULL, ledger=sql.Identifier(schema, table)
    )
    try:
        found = connection.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        user = connection.info.user
        raise ConfigurationError(
            f"user {user} may not read {schema}.{table}",
            hint=f'GRANT USAGE ON SCHEMA "{schema}" TO "{user}"; GRANT SELECT ON "{schema}"."{table}" TO "{user}"',
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise Refused(
            f"{schema}.{table} is locked by another session, as a running migration does it",
            hint="wait until it has ended, then start again",
        ) from None
    return tuple(
        LedgerRow(id=_whole(id_), hash=str(hash_ or ""), created_at=_whole(created_at), name=name)
        for id_, hash_, created_at, name in found
    )


def _whole(value: Any) -> int | None:
    """A number of the ledger; one of Drizzle's drivers makes created_at numeric, a hand-made table anything."""
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return int(value) if isinstance(value, int | Decimal) and value == int(value) else None
