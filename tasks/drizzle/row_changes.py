"""The text of each change that a repair makes to Drizzle's table, guarded so that it changes the planned row alone."""

from collections.abc import Mapping
from typing import NamedTuple

from psycopg import sql

from tasks.drizzle.upgrade import COLUMNS
from tasks.gate.plan import LedgerRow
from tasks.guarded import guarded

INSERT = 'insert into {ledger} ("hash", "created_at"{name}) values ({hash}, {created_at}{value})'
UPDATE = (
    "update {ledger} set {changes} where id = {id} and hash = {hash} and created_at is not distinct from {created_at}"
)
ADD = (
    "ALTER TABLE {ledger} ADD COLUMN IF NOT EXISTS {column} text",
    "ALTER TABLE {ledger} ADD COLUMN IF NOT EXISTS {column} timestamp with time zone DEFAULT now()",
)


class Place(NamedTuple):
    """The ledger's name."""

    schema: str
    table: str

    @property
    def identifier(self) -> sql.Identifier:
        """Quoted."""
        return sql.Identifier(self.schema, self.table)


def insert(place: Place, row: LedgerRow, *, has_name: bool) -> str:
    """One more row, exactly as Drizzle writes it: never an id, never `applied_at`."""
    text = sql.SQL(INSERT).format(
        ledger=place.identifier,
        name=sql.SQL(', "name"') if has_name else sql.SQL(""),
        hash=sql.Literal(row.hash),
        created_at=sql.Literal(row.created_at),
        value=sql.SQL(", {}").format(sql.Literal(row.name)) if has_name else sql.SQL(""),
    )
    return guarded(text, 1, f"a row for {row.name or row.hash[:12]} in {place.schema}.{place.table}")


def update(place: Place, row: LedgerRow, values: Mapping[str, str | int | None]) -> str:
    """Other values in one row, which must still be as it was planned.

    Args:
        place: the ledger.
        row: as it is now; with an id.
        values: column to new value.
    """
    changes = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(value)) for column, value in values.items()
    )
    text = sql.SQL(UPDATE).format(
        ledger=place.identifier,
        changes=changes,
        id=sql.Literal(row.id),
        hash=sql.Literal(row.hash),
        created_at=sql.Literal(row.created_at),
    )
    return guarded(text, 1, f"row {row.id} of {place.schema}.{place.table}")


def add_columns(place: Place) -> tuple[str, ...]:
    """What Drizzle 1.0 sends first when it upgrades the table of 0.x."""
    return tuple(
        sql.SQL(text).format(ledger=place.identifier, column=sql.Identifier(column)).as_string(None)
        for text, column in zip(ADD, COLUMNS, strict=True)
    )
