"""A stretch of a session in which every value is written in one way, and of which nothing stays behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.pq import TransactionStatus

from tasks.clients.postgres import Connection

# Everything that changes how a value is written as text, so that two servers write the same value the same way.
# row_security=off turns "rows hidden by a policy" into an error: fewer rows must never pass for all rows.
SETTINGS = """
select set_config(name, value, true)
  from unnest(
    array['search_path', 'row_security', 'quote_all_identifiers', 'DateStyle', 'IntervalStyle', 'TimeZone',
          'extra_float_digits', 'bytea_output', 'lc_monetary', 'xmloption', 'xmlbinary'],
    array['', 'off', 'off', 'ISO, YMD', 'postgres', 'UTC', '3', 'hex', 'C', 'content', 'base64']) as s(name, value)
"""
CONSISTENT = "begin isolation level repeatable read read only"


@contextmanager
def canonical(connection: Connection) -> Iterator[None]:
    """Our settings for the length of the block, inside the caller's transaction or in one snapshot of its own.

    The block must only read: what it does is rolled back to a savepoint, so that search_path and the like do not
    change for the caller's own statements.
    """
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if idle:
        connection.execute(CONSISTENT)
    try:
        with undone(connection):
            connection.execute(SETTINGS)
            yield
    finally:
        if idle:
            _quietly(connection, "rollback")


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Roll back to where the block began, however it ends."""
    connection.execute("savepoint gate_reads")
    try:
        yield
    finally:
        _quietly(connection, "rollback to savepoint gate_reads; release savepoint gate_reads")


def _quietly(connection: Connection, statement: str) -> None:
    """On a lost connection there is nothing to undo, and its error must not hide the first one."""
    with suppress(psycopg.OperationalError):
        connection.execute(statement)
