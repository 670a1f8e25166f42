"""Reads the ledger that is in use: the configured table, or the one that holds this folder's rows."""

from typing import Any

import psycopg

from tasks.drizzle.elsewhere import choose_ledger
from tasks.drizzle.ledger import other_ledgers, read_ledger
from tasks.gate.plan import Folder, FoundLedger

Connection = psycopg.Connection[tuple[Any, ...]]


def find_ledger(connection: Connection, folder: Folder, schema: str, table: str, *, explicit: bool) -> FoundLedger:
    """The ledger, what speaks against it, and how it was found where that is not plain.

    Args:
        connection: read-only will do.
        folder: whose rows are looked for.
        schema: configured, or Drizzle's default.
        table: the same.
        explicit: a person set schema or table, so the default was not meant.
    """
    ledger = read_ledger(connection, schema, table)
    choice = choose_ledger(
        ledger, other_ledgers(connection, ledger, [m.hash for m in folder.migrations]), explicit=explicit
    )
    if choice.found is not None:
        ledger = read_ledger(connection, choice.found.schema_name, choice.found.table)
    return FoundLedger(ledger=ledger, problems=choice.problems, notes=choice.notes)
