"""The team's own invariants: SQL files that must return no row, asked read-only and with a time limit."""

from pathlib import Path

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.postgres import Connection
from tasks.gate.errors import ConfigurationError
from tasks.gate.wording import count, cut

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 2_000
# Lost connections, a lock or the time limit, a server that ends or begins: the invariant was not asked.
NOT_ASKED = ("08", "53", "55", "57", "58")
SHOWN = 80  # characters of the first offending row's column names
BEGIN = "begin transaction isolation level repeatable read read only"


def read_invariants(folder: str | None) -> tuple[tuple[str, str], ...]:
    """Name and text of every `*.sql` in the folder, by name; none when no folder is configured.

    Raises:
        ConfigurationError: the folder or a file in it cannot be read, or there is no file in it.
    """
    if folder is None:
        return ()
    path = Path(folder)
    try:
        found = tuple((f.name, f.read_text(encoding="utf-8")) for f in sorted(path.glob("*.sql")))
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"the invariants in {path} cannot be read: {said}") from None
    if not found:
        raise ConfigurationError(
            f"no *.sql in {path}, where gate.toml looks for invariants ([verify] invariants)",
            hint="put one there, or remove the key: an empty folder would verify nothing, silently",
        )
    return found


def broken_invariants(url: SecretStr, invariants: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Those that do not hold, each in words; empty when all do.

    Raises:
        ConfigurationError: production cannot be reached, or one could not be asked.
    """
    if not invariants:
        return ()
    with postgres.connect(
        url,
        purpose="invariants",
        read_only=True,
        lock_timeout_ms=LOCK_TIMEOUT_MS,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    ) as connection:
        return tuple(said for name, text in invariants if (said := _broken(connection, name, text)))


def _broken(connection: Connection, name: str, text: str) -> str:
    try:
        connection.execute(BEGIN)
        cursor = connection.execute(text.encode())
        rows = cursor.rowcount if cursor.description else 0
        columns = ", ".join(column.name for column in cursor.description or ())
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        if error.sqlstate is None or error.sqlstate.startswith(NOT_ASKED):
            raise ConfigurationError(f"the invariant {name} could not be asked: {said}") from None
        return f"{name} failed: {said}"
    finally:
        if not connection.closed:
            connection.execute("rollback")
    # Without the rows themselves: they may be personal.
    return f"{name} returned {count(rows, 'row')} ({cut(columns, SHOWN)}), expected none" if rows else ""
