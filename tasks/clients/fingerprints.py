"""Takes a database's fingerprint: counts and content hashes of every table, and what else a restore must bring back."""

from collections.abc import Callable, Collection
from typing import Any

import psycopg
from psycopg import sql

from tasks.clients import fingerprint_queries as queries
from tasks.clients.canonical import canonical, undone
from tasks.clients.postgres import Connection
from tasks.gate.errors import Refused
from tasks.gate.fingerprint import Fingerprint, SequencePrint, TablePrint

BATCH = 200  # sequences or large objects asked for in one statement


def _unheard(_done: int, _total: int) -> None:
    return None


def take(
    connection: Connection,
    tables: Collection[str] | None = None,
    progress: Callable[[int, int], None] = _unheard,
) -> Fingerprint:
    """The fingerprint of what this session sees, in the caller's transaction, or in one snapshot of its own.

    Nothing of it stays behind: the settings that it needs are undone with a savepoint.

    Args:
        connection: inside a transaction (its snapshot counts), or outside of one.
        tables: quoted, qualified names as in `Fingerprint.tables`; only these are counted and hashed when given.
        progress: told how many tables are done, and of how many.

    Raises:
        Refused: the role may not read something, or row-level security would hide rows from it.
    """
    with canonical(connection):
        return Fingerprint(
            sequences=_sequences(connection),
            extensions=dict(_rows(connection, queries.EXTENSIONS)),
            materialized=dict(_rows(connection, queries.MATERIALIZED)),
            tables=_tables(connection, tables, progress),
            owners=_owners(connection),
            grants=_grants(connection),
            **_large_objects(connection),
        )


def sequences(connection: Connection) -> dict[str, SequencePrint]:
    """Where every sequence is now; no snapshot holds a sequence still."""
    with canonical(connection):
        return _sequences(connection)


def roles(connection: Connection) -> dict[str, bool]:
    """The roles that own or are granted something in this database, and whether each is a superuser."""
    with canonical(connection):
        return dict(_rows(connection, queries.ROLES))


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def _tables(
    connection: Connection, wanted: Collection[str] | None, progress: Callable[[int, int], None]
) -> dict[str, TablePrint]:
    listed = [row for row in _rows(connection, queries.TABLES) if wanted is None or row[0] in wanted]
    found: dict[str, TablePrint] = {}
    progress(0, len(listed))
    for name, schema, table in listed:
        query = sql.SQL(queries.ROWS).format(table=sql.Identifier(schema, table))
        try:
            row = connection.execute(query).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            raise _unreadable(connection, name, error) from None
        assert row is not None, "an aggregate always returns a row"
        found[name] = TablePrint(rows=row[0], hash=row[1])
        progress(len(found), len(listed))
    return found


def _unreadable(connection: Connection, name: str, error: psycopg.Error) -> Refused:
    user = connection.info.user
    if "row-level security" in str(error):
        return Refused(
            f"row-level security hides rows of table {name} from user {user}, so a backup would not hold them",
            hint=f"ALTER ROLE {user} BYPASSRLS, or use a role that has it",
            table=name,
        )
    return Refused(
        f"user {user} may not read table {name}",
        hint=f"GRANT pg_read_all_data TO {user}, or GRANT SELECT on this table",
        table=name,
    )


def _sequences(connection: Connection) -> dict[str, SequencePrint]:
    listed = _rows(connection, queries.SEQUENCES)
    found: dict[str, SequencePrint] = {}
    for start in range(0, len(listed), BATCH):
        parts = [
            sql.SQL("select {name}, last_value, is_called from {sequence}").format(
                name=sql.Literal(name), sequence=sql.Identifier(schema, sequence)
            )
            for name, schema, sequence in listed[start : start + BATCH]
        ]
        try:
            answer = connection.execute(sql.SQL(" union all ").join(parts)).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise Refused(
                f"user {connection.info.user} may not read every sequence: {error.diag.message_primary}",
                hint=f"GRANT pg_read_all_data TO {connection.info.user}, or GRANT SELECT on this sequence",
            ) from None
        found |= {name: SequencePrint(last_value=last, is_called=called) for name, last, called in answer}
    return found


def _owners(connection: Connection) -> dict[str, str]:
    owned = {row[0]: row[1] for row in _rows(connection, queries.OBJECTS)}
    return owned | dict(_rows(connection, queries.USER_MAPPINGS))


def _grants(connection: Connection) -> dict[str, str]:
    """Grants that differ from the defaults: pg_dump says nothing of the others."""
    granted = {name: acl or "nobody" for name, _, acl, default in _rows(connection, queries.OBJECTS) if acl != default}
    granted |= {name: acl for name, acl in _rows(connection, queries.COLUMN_GRANTS) if acl}
    return granted | dict(_rows(connection, queries.DEFAULT_GRANTS))


def _large_objects(connection: Connection) -> dict[str, Any]:
    listed = [row[0] for row in _rows(connection, queries.LARGE_OBJECTS)]
    total = 0
    for start in range(0, len(listed), BATCH):
        # An open large object is closed by the end of its (sub)transaction only.
        with undone(connection):
            try:
                row = connection.execute(queries.LARGE_OBJECT_ROWS, [listed[start : start + BATCH]]).fetchone()
            except psycopg.errors.InsufficientPrivilege as error:
                raise Refused(
                    f"user {connection.info.user} may not read every large object: {error.diag.message_primary}",
                    hint="grant SELECT on it, or back up with a superuser",
                ) from None
        assert row is not None, "an aggregate always returns a row"
        total += int(row[0])
    return {"large_objects": len(listed), "large_objects_hash": str(total)}
