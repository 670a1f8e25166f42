"""Which statements PostgreSQL takes inside a transaction block, by its parse tree and the server's major version."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.effect import Rule
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.bodies import do_body

OFF = ("false", "off", "0")
SLOT_OPTIONS = ("create_slot", "connect")  # CREATE SUBSCRIPTION needs no slot when one of them is off
# ALTER SUBSCRIPTION ... SET of these changes the slot on the other server, which no rollback takes back.
SLOT_SETTINGS = {"failover": 17, "two_phase": 18}  # option and the major version that brought it
PARTITIONED_CLUSTER_SINCE = 15


class TransactionRule(NamedTuple):
    """What the server says to a statement inside a transaction block."""

    rule: Rule
    what: str = ""  # the form that has the rule: "CREATE INDEX CONCURRENTLY"; empty for "yes"
    because: str = ""  # what decides, for "depends" and "unknown"


YES = TransactionRule("yes")


def transaction_rule(statement: ParsedStatement, major: int) -> TransactionRule:
    """Whether a statement can run inside a transaction block.

    Args:
        statement: one statement.
        major: the server's major version.

    Returns:
        "yes" for transaction control, too: BEGIN inside a transaction is only a warning to the server.
    """
    judge = JUDGES.get(statement.kind)
    return YES if judge is None else judge(statement, major)


def _no(what: str) -> TransactionRule:
    return TransactionRule("no", what)


def _depends(what: str, because: str) -> TransactionRule:
    return TransactionRule("depends", what, because)


def _transaction(statement: ParsedStatement, _major: int) -> TransactionRule:
    kind = sql.enum(statement.node, "kind").removeprefix("TRANS_STMT_")
    if kind in ("COMMIT_PREPARED", "ROLLBACK_PREPARED"):
        return _no(kind.replace("_", " "))
    if kind in ("SAVEPOINT", "RELEASE", "ROLLBACK_TO"):
        return TransactionRule("required", kind.replace("_", " "))
    return YES


def _reindex(statement: ParsedStatement, _major: int) -> TransactionRule:
    target = sql.enum(statement.node, "kind").removeprefix("REINDEX_OBJECT_")
    if sql.options(statement.node.params).get("concurrently", "false") not in OFF:
        return _no("REINDEX CONCURRENTLY")
    if target in ("SCHEMA", "SYSTEM", "DATABASE"):
        return _no(f"REINDEX {target}")
    return _depends(f"REINDEX {target}", "refused in a transaction when it is partitioned")


def _cluster(statement: ParsedStatement, major: int) -> TransactionRule:
    if not statement.node.HasField("relation"):
        return _no("CLUSTER without a table")
    if major < PARTITIONED_CLUSTER_SINCE:
        return YES
    return _depends("CLUSTER", "refused in a transaction when the table is partitioned")


def _create_subscription(statement: ParsedStatement, _major: int) -> TransactionRule:
    options = sql.options(statement.node.options)
    without = any(options.get(name) in OFF for name in SLOT_OPTIONS)
    return YES if without else _no("CREATE SUBSCRIPTION with a replication slot")


def _alter_subscription(statement: ParsedStatement, major: int) -> TransactionRule:
    kind = sql.enum(statement.node, "kind").removeprefix("ALTER_SUBSCRIPTION_")
    options = sql.options(statement.node.options)
    if kind == "REFRESH" or (kind.endswith("PUBLICATION") and options.get("refresh") not in OFF):
        return _no("ALTER SUBSCRIPTION with a refresh")
    for name, since in SLOT_SETTINGS.items():
        if kind == "OPTIONS" and name in options and major >= since:
            return _depends(
                f"ALTER SUBSCRIPTION SET ({name})", "refused in a transaction when it changes a replication slot"
            )
    return YES


def _alter_table(statement: ParsedStatement, _major: int) -> TransactionRule:
    for item in statement.node.cmds:
        command = item.alter_table_cmd
        if sql.enum(command, "subtype") == "AT_DetachPartition" and getattr(command, "def").partition_cmd.concurrent:
            return _no("DETACH PARTITION CONCURRENTLY")
    return YES


def _do(statement: ParsedStatement, major: int) -> TransactionRule:
    body = do_body(statement)
    rules = [transaction_rule(inner, major) for inner in body.statements]
    for rule in rules:
        if rule.rule in ("no", "never"):
            return TransactionRule("never", f"{rule.what} inside a DO block")
    if body.ends:
        return _no("DO with COMMIT or ROLLBACK inside")
    if body.may_end:
        return _depends("DO with COMMIT or ROLLBACK inside", "refused in a transaction when its handler is reached")
    unknown = (*body.unknown, *(f"{rule.what}: {rule.because}" for rule in rules if rule.rule == "unknown"))
    return TransactionRule("unknown", "DO", "; ".join(unknown)) if unknown else YES


def _explain(statement: ParsedStatement, major: int) -> TransactionRule:
    inner = sql.inner_statement(statement.node.query, statement)
    return YES if inner is None else transaction_rule(inner, major)


def _declare(statement: ParsedStatement, _major: int) -> TransactionRule:
    holds = bool(statement.node.options & WITH_HOLD)
    return YES if holds else TransactionRule("required", "DECLARE CURSOR without WITH HOLD")


def _when(what: str, applies: Callable[[Any], bool]) -> Callable[[ParsedStatement, int], TransactionRule]:
    def judge(statement: ParsedStatement, _major: int) -> TransactionRule:
        return _no(what) if applies(statement.node) else YES

    return judge


def _always(rule: TransactionRule) -> Callable[[ParsedStatement, int], TransactionRule]:
    def judge(_statement: ParsedStatement, _major: int) -> TransactionRule:
        return rule

    return judge


WITH_HOLD = 0x0020  # CURSOR_OPT_HOLD of PostgreSQL's parsenodes.h
JUDGES: dict[str, Callable[[ParsedStatement, int], TransactionRule]] = {
    "transaction_stmt": _transaction,
    "index_stmt": _when("CREATE INDEX CONCURRENTLY", lambda node: node.concurrent),
    "drop_stmt": _when("DROP INDEX CONCURRENTLY", lambda node: node.concurrent),
    "reindex_stmt": _reindex,
    "cluster_stmt": _cluster,
    "vacuum_stmt": _when("VACUUM", lambda node: node.is_vacuumcmd),
    "createdb_stmt": _always(_no("CREATE DATABASE")),
    "dropdb_stmt": _always(_no("DROP DATABASE")),
    "create_table_space_stmt": _always(_no("CREATE TABLESPACE")),
    "drop_table_space_stmt": _always(_no("DROP TABLESPACE")),
    "alter_system_stmt": _always(_no("ALTER SYSTEM")),
    "alter_database_stmt": _when(
        "ALTER DATABASE SET TABLESPACE", lambda node: "tablespace" in sql.options(node.options)
    ),
    "create_subscription_stmt": _create_subscription,
    "alter_subscription_stmt": _alter_subscription,
    "drop_subscription_stmt": _always(
        _depends("DROP SUBSCRIPTION", "refused in a transaction while it has a replication slot")
    ),
    "alter_table_stmt": _alter_table,
    "discard_stmt": _when("DISCARD ALL", lambda node: sql.enum(node, "target") == "DISCARD_ALL"),
    "lock_stmt": _always(TransactionRule("required", "LOCK TABLE")),
    "declare_cursor_stmt": _declare,
    "do_stmt": _do,
    "explain_stmt": _explain,
    "call_stmt": _always(TransactionRule("unknown", "CALL", "a procedure may commit or roll back inside")),
    "execute_stmt": _always(TransactionRule("unknown", "EXECUTE", "it runs what PREPARE has named")),
}
