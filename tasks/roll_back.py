"""Take a plan back with its rollback SQL, in one transaction: the same code in the rehearsal and in production."""

import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from tasks.clients.open_transaction import abandon, transaction_id
from tasks.gate.errors import GateError
from tasks.gate.plan import Ledger, LedgerRow, Plan, Rollback
from tasks.gate.progress import without_own_rows
from tasks.gate.rehearsal_failures import withheld
from tasks.gate.rollback_order import RollbackFailed, RollbackUnknown, in_reverse, missing_rollbacks
from tasks.run_in_transaction import LOCK_LEDGER, Observer
from tasks.tool import tool

__all__ = ["Observer", "RollbackFailed", "RollbackUnknown", "missing_rollbacks", "roll_back"]

Connection = psycopg.Connection[tuple[Any, ...]]

BEGIN = "begin transaction isolation level read committed read write"
LOCK_TIMEOUT = "select pg_catalog.set_config('lock_timeout', %s, true)"


def roll_back(
    connection: Connection,
    plan: Plan,
    *,
    recorded: int | None = None,
    observer: Observer | None = None,
    lock_timeout_ms: int = 5000,
) -> None:
    """Undo every pending migration of an applied plan, newest first, and forget its ledger rows.

    Everything happens in one transaction that holds ACCESS EXCLUSIVE on the ledger, so Drizzle's own tools wait and
    then see the migrations as pending again. Only rows that this plan wrote at the newest end are removed: removing
    an older one would make Drizzle never apply it again (generation 0) or apply it out of order (generation 1).

    Args:
        connection: in autocommit mode, outside a transaction.
        plan: the plan as it was applied; `plan.rollbacks` must cover `plan.pending`.
        recorded: how many of its migrations have their row, from the first on; all when None.
        observer: told about each text and about the COMMIT.
        lock_timeout_ms: how long each lock may be waited for, in milliseconds.

    Raises:
        RollbackFailed: nothing was changed; the sentence names the cause.
        RollbackUnknown: the connection ended during COMMIT, or the rollback SQL ended the transaction.
    """
    texts = in_reverse(plan)
    try:
        connection.execute(BEGIN)
        connection.execute(LOCK_TIMEOUT, [str(lock_timeout_ms)])
        transaction = transaction_id(connection)
        kept, ours = _ledger_under_lock(connection, plan, len(plan.pending) if recorded is None else recorded)
        for rollback in texts:
            _run(connection, rollback, transaction, observer)
        _forget(connection, plan, kept, ours)
        if observer is not None:
            observer.committing(connection)
    except psycopg.Error as error:
        abandon(connection)
        raise RollbackFailed(f"the rollback failed: {first_line(error)}", sqlstate=error.sqlstate) from None
    except BaseException:
        abandon(connection)
        raise
    _commit(connection, transaction)


def first_line(error: psycopg.Error) -> str:
    """The server's own sentence without DETAIL, HINT and values of rows, which may be personal; never empty."""
    said = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    return withheld(said, error.sqlstate or "")


def _ledger_under_lock(connection: Connection, plan: Plan, count: int) -> tuple[Ledger, list[LedgerRow]]:
    """The rows to keep and the plan's own; fails unless the newest rows are exactly those of the plan."""
    connection.execute(sql.SQL(LOCK_LEDGER).format(ledger=_ledger(plan)))
    ledger = _read(connection, plan)
    kept = without_own_rows(ledger, plan, count)
    if kept is None:
        raise RollbackFailed(
            f"the newest {count} rows of {plan.ledger_schema}.{plan.ledger_table} are not those of this plan",
            hint="compare `gate plan` with the release's report; somebody else applied or removed a migration since",
        )
    return ledger.model_copy(update={"rows": kept}), [row for row in ledger.rows if row not in kept]


def _read(connection: Connection, plan: Plan) -> Ledger:
    try:
        ledger = tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)
    except GateError as error:
        raise RollbackFailed(error.message, hint=error.hint) from None
    if not ledger.exists:
        raise RollbackFailed(f"the ledger {plan.ledger_schema}.{plan.ledger_table} is gone")
    return ledger


def _run(connection: Connection, rollback: Rollback, transaction: str, observer: Observer | None) -> None:
    if observer is not None:
        observer.before(connection, rollback.tag, 0, rollback.text)
    started = time.perf_counter()
    try:
        connection.execute(rollback.text.encode())
    except psycopg.Error as error:
        line = _line(rollback.text, error)
        where = f"{rollback.file}, line {line}" if line else rollback.file
        raise RollbackFailed(
            f"{where}: {first_line(error)}", sqlstate=error.sqlstate, tag=rollback.tag, line=line
        ) from None
    inside = connection.info.transaction_status == TransactionStatus.INTRANS
    if not inside or transaction_id(connection) != transaction:
        raise RollbackUnknown(
            f"{rollback.file} ended the transaction that it runs in",
            hint="compare the ledger and the schema before anything else",
            tag=rollback.tag,
            transaction=transaction,
        )
    if observer is not None:
        observer.after(connection, rollback.tag, 0, rollback.text, time.perf_counter() - started)


def _line(text: str, error: psycopg.Error) -> int | None:
    position = error.diag.statement_position  # counted in characters of the text sent, from 1
    return text.count("\n", 0, int(position) - 1) + 1 if position else None


def _forget(connection: Connection, plan: Plan, kept: Ledger, ours: Sequence[LedgerRow]) -> None:
    connection.execute("reset role")  # a SET ROLE in the rollback SQL must not decide who may write the ledger
    there = _read(connection, plan).rows  # says in words when the rollback SQL dropped the ledger
    for row in ours:
        if row in there:  # rollback SQL may remove its own rows, but no others
            connection.execute(tool(plan.tool).forget(plan.ledger_schema, plan.ledger_table, row).encode())
    if _read(connection, plan).rows != kept.rows:
        raise RollbackFailed(f"the rollback SQL changed other rows of {plan.ledger_schema}.{plan.ledger_table}")


def _commit(connection: Connection, transaction: str) -> None:
    try:
        finished = connection.execute("commit").statusmessage
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise RollbackUnknown(
                "the connection was lost during the COMMIT of the rollback",
                hint="run `gate resume` with the release's id: it reads the ledger and finds out",
                transaction=transaction,
            ) from None
        abandon(connection)
        raise RollbackFailed(f"the rollback failed at COMMIT: {first_line(error)}", sqlstate=error.sqlstate) from None
    if finished != "COMMIT":
        raise RollbackFailed("the server rolled the rollback's transaction back at COMMIT")


def _ledger(plan: Plan) -> sql.Identifier:
    return sql.Identifier(plan.ledger_schema, plan.ledger_table)
