"""The transaction that a session is in: which one it is, and how it is given up."""

import psycopg
from psycopg.pq import TransactionStatus

from tasks.clients.postgres import Connection

TRANSACTION_ID = "select pg_catalog.pg_current_xact_id()::pg_catalog.text"


def transaction_id(connection: Connection) -> str:
    """The xid8 of the open transaction as text, which `pg_xact_status` takes after the connection is lost."""
    row = connection.execute(TRANSACTION_ID).fetchone()
    assert row is not None, "a function call returns a row"
    return str(row[0])


def abandon(connection: Connection) -> None:
    """Roll back what is open; a session that cannot is closed, and the server rolls back what it left."""
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        connection.execute("rollback")
    except psycopg.Error:
        connection.close()
