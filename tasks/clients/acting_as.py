"""Who a session acts as, and how the gate is itself again after a migration's SET ROLE or SET SESSION AUTHORIZATION."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tasks.clients.postgres import Connection

WHO = "select session_user::text, pg_catalog.current_setting('role')"
BE_USER = "select pg_catalog.set_config('session_authorization', %s, %s)"
BE_ROLE = "select pg_catalog.set_config('role', %s, %s)"


class Who(NamedTuple):
    """The two names by which PostgreSQL knows a session."""

    user: str  # session_user
    role: str  # `none` where it acts as that one


def who(connection: Connection) -> Who:
    """Who it acts as now."""
    row = connection.execute(WHO).fetchone()
    assert row is not None, "a select without a table returns one row"
    return Who(*row)


def become(connection: Connection, wanted: Who, *, local: bool) -> None:
    """Act as somebody whom this session has been already.

    Args:
        connection: in a transaction where it is for that transaction only.
        wanted: as `who` read it.
        local: until the transaction ends; what holds beyond it stays as it is.
    """
    now = who(connection)
    if now.user != wanted.user:
        connection.execute(BE_USER, [wanted.user, local])  # takes the role away, too
    if now != wanted:
        connection.execute(BE_ROLE, [wanted.role, local])


@contextmanager
def acting_as(connection: Connection, wanted: Who) -> Iterator[None]:
    """Act as somebody within a transaction, and then again as whoever acted before."""
    before = who(connection)
    become(connection, wanted, local=True)
    yield
    become(connection, before, local=True)
