"""Sequences across a swap: no value that was ever handed out is handed out again."""

from typing import NamedTuple

from psycopg import sql

from tasks.clients.postgres import Connection

# Only what belongs to nobody else: a temporary sequence ends with its session.
LIST = """
select n.nspname, c.relname, s.seqincrement, s.seqmin, s.seqmax
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence <> 't'
 order by 1, 2
"""
READ = "select {schema}, {name}, last_value, is_called from {sequence}"
SET = "select pg_catalog.setval(%s::pg_catalog.regclass, %s, %s)"  # the name as a parameter: it may hold a %
BATCH = 200


class Position(NamedTuple):
    """Where a sequence is, and within which bounds it may be."""

    last_value: int
    is_called: bool
    increment: int
    minimum: int
    maximum: int


def positions(connection: Connection) -> dict[tuple[str, str], Position]:
    """Every sequence by schema and name."""
    listed = {(row[0], row[1]): row[2:] for row in connection.execute(LIST)}
    names = list(listed)
    found: dict[tuple[str, str], Position] = {}
    for start in range(0, len(names), BATCH):
        parts = [
            sql.SQL(READ).format(
                schema=sql.Literal(schema), name=sql.Literal(name), sequence=sql.Identifier(schema, name)
            )
            for schema, name in names[start : start + BATCH]
        ]
        for schema, name, last, called in connection.execute(sql.SQL(" union all ").join(parts)):
            found[schema, name] = Position(last, called, *listed[schema, name])
    return found


def further(one: Position, other: Position) -> tuple[int, bool]:
    """The position of the two that is further along in the direction of the first, within its bounds."""
    ahead = max if one.increment > 0 else min
    value = ahead(one.last_value, other.last_value)
    called = any(p.is_called for p in (one, other) if p.last_value == value)
    return min(max(value, one.minimum), one.maximum), called


def advance(connection: Connection, others: dict[tuple[str, str], Position]) -> list[str]:
    """Set every sequence of this database to the further one of its own and another database's position.

    Safe to run twice. Travis CI gave new users the ids of others after a restore that left this out (failure-modes 2).

    Args:
        connection: to the restored database.
        others: positions of the database that it replaces.

    Returns:
        The names of those that moved, quoted.
    """
    moved = []
    for key, own in positions(connection).items():
        if key not in others:
            continue
        value, called = further(own, others[key])
        if (value, called) != (own.last_value, own.is_called):
            name = sql.Identifier(*key).as_string(connection)
            connection.execute(SET, [name, value, called])
            moved.append(name)
    return moved
