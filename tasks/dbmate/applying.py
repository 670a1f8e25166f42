"""Applies migrations as dbmate does, in one transaction instead of one each: all of a release goes in, or nothing."""

from collections.abc import Sequence
from typing import Any

import psycopg

from tasks.dbmate.ledger import create_ledger, read_ledger, record
from tasks.gate.plan import Ledger, Migration
from tasks.gate.segment import Part
from tasks.run_in_transaction import Observer, Writer, run_in_transaction

Connection = psycopg.Connection[tuple[Any, ...]]


def apply(
    connection: Connection,
    *,
    generation: int,  # noqa: ARG001
    schema: str,
    table: str,
    pending: Sequence[Migration],
    parts: Sequence[Part] | None = None,
    observer: Observer | None = None,
    lock_ledger: bool = True,
    ledger_head: str | None = None,
    ledger_head_after: str | None = None,
) -> None:
    """Run `pending` with their rows; see `run_in_transaction` for what it raises.

    Running it twice is safe: the second run refuses, because nothing of `pending` is pending any more.
    """
    run_in_transaction(
        connection,
        Writer(
            schema=schema,
            table=table,
            create=lambda connection: create_ledger(connection, schema, table),
            read=lambda connection: read_ledger(connection, schema, table),
            pending=_not_pending,
            record=lambda connection, migration: record(connection, schema, table, migration),
        ),
        pending,
        parts=parts,
        observer=observer,
        lock_ledger=lock_ledger,
        ledger_head=ledger_head,
        ledger_head_after=ledger_head_after,
    )


def _not_pending(ledger: Ledger, pending: Sequence[Migration]) -> str:
    there = [m.tag for m in pending if m.name in {row.name for row in ledger.rows}]
    return f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} no longer pending" if there else ""
