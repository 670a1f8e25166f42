"""How an apply fails: with the place in the file, the server's own sentence, and nothing of the rows' contents."""

import psycopg

from tasks.gate.errors import GateError
from tasks.gate.places import place
from tasks.gate.plan import Migration
from tasks.gate.segment import Statement


class StatementFailed(GateError):
    """A migration failed, and everything of this run was rolled back.

    `nouns` holds `tag` and `index` (None for the gate's own statements), `sqlstate` (55P03: a lock was not free in
    time), `line` of the file and `server_message`, without the server's DETAIL, whose values may be personal.
    """

    @property
    def sqlstate(self) -> str | None:
        """The server's code; None when the connection was lost."""
        value = self.nouns.get("sqlstate")
        return str(value) if value else None

    @property
    def tag(self) -> str | None:
        """The migration that failed."""
        value = self.nouns.get("tag")
        return str(value) if value else None


class TransactionEnded(StatementFailed):
    """A migration ended the transaction it ran in: what came before it is committed or undone, its rows are not."""


class CommitUnknown(StatementFailed):
    """The connection was lost during COMMIT: only the ledger and `pg_xact_status` know.

    `nouns["transaction"]` is the xid8 as text.
    """


def statement_failed(error: psycopg.Error, migration: Migration, statement: Statement) -> StatementFailed:
    """The failure of one text, with its place in the file."""
    position = error.diag.statement_position  # counted in characters of the text, from 1
    line = statement.line
    line += statement.text.count("\n", 0, int(position) - 1) if position else _leading_lines(statement.text)
    where = place(migration.file, len(migration.statements), statement.index, line)
    return failed(error, where, tag=migration.tag, index=statement.index, line=line)


def _leading_lines(piece: str) -> int:
    return piece[: len(piece) - len(piece.lstrip())].count("\n")


def failed(
    error: psycopg.Error, where: str, *, tag: str | None = None, index: int | None = None, line: int | None = None
) -> StatementFailed:
    """A failure in the server's own sentence, without the DETAIL that may hold values of rows.

    Args:
        error: what psycopg raised.
        where: what was being done.
        tag: of the migration.
        index: of the piece, from 0.
        line: of the file, from 1.
    """
    said = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    return StatementFailed(
        f"{where}: {said}{code}", sqlstate=error.sqlstate, server_message=said, tag=tag, index=index, line=line
    )


def transaction_ended(migration: Migration, index: int) -> TransactionEnded:
    """The failure of a migration that ended the transaction by its own COMMIT or ROLLBACK."""
    return TransactionEnded(
        f"{migration.file}, statement {index + 1} ended the transaction that all migrations of this run share",
        hint="what ran before it is not rolled back any more; compare the ledger and the schema before anything else",
        tag=migration.tag,
        index=index,
    )
