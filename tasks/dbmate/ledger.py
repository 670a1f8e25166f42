"""dbmate's table of versions: read as it is, made as dbmate makes it, written and forgotten row by row."""

from typing import Any

import psycopg
from psycopg import sql

from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Folder, FoundLedger, Ledger, LedgerRow, Migration
from tasks.guarded import guarded

Connection = psycopg.Connection[tuple[Any, ...]]
LOOK = """
select c.relkind::text,
       array(select a.attname::text from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  from pg_catalog.pg_namespace n
  left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = %s
 where n.nspname = %s
"""
ROWS = "select version::text from {ledger}"
CREATE_SCHEMA = "create schema if not exists {schema}"
CREATE_TABLE = "create table if not exists {ledger} (version varchar primary key)"
INSERT = "insert into {ledger} (version) values ({version})"
FORGET = "delete from {ledger} where version = {version}"
TRANSACTION = "select xmin::text::bigint from {ledger} where version = {version}"


def read_ledger(connection: Connection, schema: str, table: str) -> Ledger:
    """The versions, in their own order: nothing in the table says which was applied first.

    Raises:
        ConfigurationError: it may not be read.
        Refused: what is there under that name is not dbmate's table, or somebody holds it locked.
    """
    found = connection.execute(LOOK, [table, schema]).fetchone()
    kind, columns = found or (None, [])
    ledger = Ledger(
        schema_name=schema,
        table=table,
        exists=kind is not None,
        schema_exists=found is not None,
        has_name=True,
        rows=(),
    )
    if kind is None:
        return ledger
    if kind not in ("r", "p") or "version" not in columns or "dirty" in columns:
        what = "is golang-migrate's table (it has a column dirty)" if "dirty" in columns else "has no column version"
        raise Refused(
            f"{schema}.{table} {what}, so it is not dbmate's table of versions",
            hint="set GATE_MIGRATIONS_SCHEMA and GATE_MIGRATIONS_TABLE to what `dbmate --migrations-table` names",
        )
    return ledger.model_copy(update={"rows": _rows(connection, schema, table)})


def find_ledger(connection: Connection, folder: Folder, schema: str, table: str, *, explicit: bool) -> FoundLedger:  # noqa: ARG001
    """The table that is set, or dbmate's own; dbmate looks at no other one either."""
    return FoundLedger(ledger=read_ledger(connection, schema, table))


def create_ledger(connection: Connection, schema: str, table: str) -> None:
    """As dbmate makes it, but only what is missing: no CREATE privilege is needed when nothing is."""
    ledger = read_ledger(connection, schema, table)
    if not ledger.schema_exists:
        connection.execute(sql.SQL(CREATE_SCHEMA).format(schema=sql.Identifier(schema)))
    if not ledger.exists:
        connection.execute(sql.SQL(CREATE_TABLE).format(ledger=sql.Identifier(schema, table)))


def record(connection: Connection, schema: str, table: str, migration: Migration) -> None:
    """Write a migration's row."""
    connection.execute(_about(INSERT, schema, table, migration.name))


def written(migration: Migration, generation: int) -> LedgerRow:  # noqa: ARG001
    """The row that dbmate writes: a version, and no hash."""
    return LedgerRow(id=None, hash="", created_at=None, name=migration.name)


def key(row: LedgerRow, generation: int) -> str | None:  # noqa: ARG001
    """What tells rows apart."""
    return row.name


def forget(schema: str, table: str, row: LedgerRow) -> str:
    """The text that removes this row, and fails when it is not there."""
    return guarded(_about(FORGET, schema, table, row.name), 1, f"version {row.name} in {schema}.{table}")


def transaction_of(schema: str, table: str, migration: Migration) -> sql.Composed:
    """A query for the number of the transaction that wrote this migration's row."""
    return _about(TRANSACTION, schema, table, migration.name)


def _about(text: str, schema: str, table: str, version: str | None) -> sql.Composed:
    return sql.SQL(text).format(ledger=sql.Identifier(schema, table), version=sql.Literal(version))


def _rows(connection: Connection, schema: str, table: str) -> tuple[LedgerRow, ...]:
    try:
        found = connection.execute(sql.SQL(ROWS).format(ledger=sql.Identifier(schema, table))).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        user = connection.info.user
        raise ConfigurationError(
            f"user {user} may not read {schema}.{table}", hint=f'GRANT SELECT ON "{schema}"."{table}" TO "{user}"'
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise Refused(
            f"{schema}.{table} is locked by another session, as a running migration does it",
            hint="wait until it has ended, then start again",
        ) from None
    return tuple(LedgerRow(id=None, hash="", created_at=None, name=name) for name in sorted(v for (v,) in found))
