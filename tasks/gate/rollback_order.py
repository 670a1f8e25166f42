"""Which rollback SQL undoes a plan, in which order, and whether it may run at all."""

from tasks.gate.errors import GateError
from tasks.gate.plan import Plan, Rollback
from tasks.gate.sql import NotSql, enum, statements

ENDS = tuple(f"TRANS_STMT_{kind}" for kind in ("BEGIN", "START", "COMMIT", "ROLLBACK", "PREPARE"))


class RollbackFailed(GateError):
    """The rollback SQL did not take effect: its transaction was rolled back, the migrations are still applied.

    `nouns` may hold `sqlstate` (55P03 means that a lock was not free in time), `tag` and `line`.
    """


class RollbackUnknown(RollbackFailed):
    """The connection was lost during the COMMIT of the rollback, or the rollback SQL committed by itself.

    Only the ledger and `pg_xact_status` know what is in; `nouns["transaction"]` is the xid8 as text.
    """


def missing_rollbacks(plan: Plan) -> tuple[str, ...]:
    """Tags of pending migrations without rollback SQL, in the order of the plan."""
    present = {rollback.tag for rollback in plan.rollbacks}
    return tuple(migration.tag for migration in plan.pending if migration.tag not in present)


def in_reverse(plan: Plan) -> list[Rollback]:
    """The rollback texts, newest migration first, each fit to run within one transaction.

    Raises:
        RollbackFailed: one is missing, or holds what cannot be sent or would end the transaction.
    """
    missing = missing_rollbacks(plan)
    if missing:
        raise RollbackFailed(
            f"no rollback SQL for {', '.join(missing)}",
            hint="write it, or recover by restoring the backup",
            tags=missing,
        )
    by_tag = {rollback.tag: rollback for rollback in plan.rollbacks}
    ordered = [by_tag[migration.tag] for migration in reversed(plan.pending)]
    for rollback in ordered:
        _refuse_unsendable(rollback)
    return ordered


def _refuse_unsendable(rollback: Rollback) -> None:
    if "\0" in rollback.text:  # libpq would cut the text there and report success
        raise RollbackFailed(f"{rollback.file} contains a NUL byte", tag=rollback.tag)
    try:
        found = statements(rollback.text, rollback.file)
    except NotSql:  # newer syntax than the parser's: the server decides, and the transaction's number is compared
        return
    for statement in found:
        if statement.kind == "transaction_stmt" and enum(statement.node, "kind") in ENDS:
            raise RollbackFailed(
                f"{statement.where}: {statement.text.strip()} begins or ends a transaction,"
                " but all rollbacks of a release share one",
                hint=f"remove it from {rollback.file}",
                tag=rollback.tag,
            )
