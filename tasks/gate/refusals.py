"""What may not be in a migration: statements that no transaction takes, that end it, or that change the session."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.plan import Problem
from tasks.gate.sql import ParsedStatement, Unreadable

TRANSACTION_WORDS = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "START TRANSACTION",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE SAVEPOINT",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK TO SAVEPOINT",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}
# Settings that belong to whoever applies: its limits, its role, and how bytes become text.
OURS = {
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "role",
    "session_authorization",
    "client_encoding",
    "names",
}
SLOT_OPTIONS = ("create_slot", "connect")  # CREATE SUBSCRIPTION needs no slot when one of them is off
OFF = ("false", "off", "0")


class _Refusal(NamedTuple):
    kind: str
    cause: str
    remedy: str


def refusals(tag: str, found: Sequence[ParsedStatement], unreadable: Sequence[Unreadable], major: int) -> list[Problem]:
    """Every statement of one file that refuses the release.

    Args:
        tag: of the migration.
        found: its statements.
        unreadable: its pieces that cannot be parsed.
        major: production's major version, for the sentence about grammars.
    """
    problems = [_unreadable(tag, piece, major) for piece in unreadable]
    for statement in found:
        problems += [
            Problem(tag=tag, kind=refusal.kind, cause=f"{statement.where}: {refusal.cause}", remedy=refusal.remedy)
            for refusal in _refusals(statement)
        ]
    return problems


def _refusals(statement: ParsedStatement) -> list[_Refusal]:
    judge = JUDGES.get(statement.kind)
    verdicts = [judge(statement.node)] if judge else []
    verdicts += [_session(name) for name in sql.settings(statement)]
    return [verdict for verdict in verdicts if verdict is not None]


def _outside(what: str) -> _Refusal:
    return _Refusal(
        "no-transaction",
        f"{what} cannot run inside a transaction, and Drizzle runs all migrations in one",
        "use the form that works in a transaction, or run it by hand outside of the release",
    )


def _transaction(node: Any) -> _Refusal:
    word = TRANSACTION_WORDS.get(sql.enum(node, "kind"), "transaction control")
    return _Refusal(
        "transaction-control",
        f"{word} takes the transaction that all migrations share out of the gate's hands, so nothing could be rolled"
        " back any more",
        f"remove {word}: every migration runs in a transaction already",
    )


def _reindex(node: Any) -> _Refusal | None:
    target = sql.enum(node, "kind").removeprefix("REINDEX_OBJECT_")
    if "concurrently" in sql.options(node.params):
        return _outside("REINDEX CONCURRENTLY")
    return _outside(f"REINDEX {target}") if target in ("SCHEMA", "SYSTEM", "DATABASE") else None


def _create_subscription(node: Any) -> _Refusal | None:
    options = sql.options(node.options)
    if any(options.get(name) in OFF for name in SLOT_OPTIONS):
        return None
    return _outside("CREATE SUBSCRIPTION with a replication slot")


def _alter_subscription(node: Any) -> _Refusal | None:
    kind = sql.enum(node, "kind").removeprefix("ALTER_SUBSCRIPTION_")
    refreshes = kind.endswith("PUBLICATION") and sql.options(node.options).get("refresh") not in OFF
    return _outside("ALTER SUBSCRIPTION with a refresh") if kind == "REFRESH" or refreshes else None


def _alter_table(node: Any) -> _Refusal | None:
    for item in node.cmds:
        command = item.alter_table_cmd
        if sql.enum(command, "subtype") == "AT_DetachPartition" and getattr(command, "def").partition_cmd.concurrent:
            return _outside("DETACH PARTITION CONCURRENTLY")
    return None


def _alter_database(node: Any) -> _Refusal | None:
    return _outside("ALTER DATABASE SET TABLESPACE") if "tablespace" in sql.options(node.options) else None


def _copy(node: Any) -> _Refusal | None:
    if node.filename:
        return None
    return _Refusal(
        "copy",
        f"COPY {'FROM STDIN' if node.is_from else 'TO STDOUT'} needs a client that speaks it, which no migrator is",
        "write INSERT statements, or load the rows apart from the migrations",
    )


def _set(node: Any) -> _Refusal | None:
    if node.name != "TRANSACTION":
        return None
    return _Refusal(
        "transaction-control",
        "SET TRANSACTION comes too late: every migration runs in a transaction that has begun already",
        "remove it",
    )


def _discard(_node: Any) -> _Refusal:
    return _Refusal("session", "DISCARD throws away the time limits of the session", "remove it")


def _session(name: str) -> _Refusal | None:
    if name not in OURS and name != sql.EVERYTHING:
        return None
    what = "RESET ALL" if name == sql.EVERYTHING else f"it changes {name}"
    return _Refusal(
        "session",
        f"{what}, which stays changed for every later migration of the run and for Drizzle's own row",
        "remove it: gate.toml has the time limits, and the production URL has the role",
    )


def _unreadable(tag: str, piece: Unreadable, major: int) -> Problem:
    kind, cause, remedy = "syntax", f"{piece.where}: {piece.message}", ""
    if "NUL" in piece.message:
        kind, remedy = "nul", "remove it: PostgreSQL takes no NUL in a statement, and libpq would cut the text there"
    elif piece.near_data:
        kind, cause = "copy", f"{piece.where}: rows after COPY FROM STDIN, which only psql can send"
        remedy = "write INSERT statements, or load the rows apart from the migrations"
    elif piece.marker_inside:
        kind = "marker"
        cause += "; a statement-breakpoint stands inside a literal or a function body, and Drizzle splits there"
        remedy = "move the breakpoint out of it"
    elif piece.message.endswith('near "\\"'):
        kind, cause = "psql", f"{piece.where}: a psql command (it begins with a backslash), which only psql understands"
        remedy = "replace it with SQL"
    elif "\ufeff" in piece.message:
        kind = "byte-order-mark"
        cause = f"{piece.where}: the file begins with a byte order mark, which PostgreSQL does not accept"
        remedy = "save it as UTF-8 without a byte order mark"
    else:
        remedy = _grammars(major)
    return Problem(tag=tag, kind=kind, cause=cause, remedy=remedy)


def _grammars(major: int) -> str:
    ours = sql.grammar()
    if major == ours:
        return "correct the statement"
    which = "newer" if major > ours else "older"
    return (
        f"correct the statement; it was read with the grammar of PostgreSQL {ours}, and production is {major}: if"
        f" it is right in that {which} version, write it in a way that both understand"
    )


JUDGES: dict[str, Callable[[Any], _Refusal | None]] = {
    "transaction_stmt": _transaction,
    "index_stmt": lambda node: _outside("CREATE INDEX CONCURRENTLY") if node.concurrent else None,
    "drop_stmt": lambda node: _outside("DROP INDEX CONCURRENTLY") if node.concurrent else None,
    "reindex_stmt": _reindex,
    "vacuum_stmt": lambda node: _outside("VACUUM") if node.is_vacuumcmd else None,
    "createdb_stmt": lambda _: _outside("CREATE DATABASE"),
    "dropdb_stmt": lambda _: _outside("DROP DATABASE"),
    "create_table_space_stmt": lambda _: _outside("CREATE TABLESPACE"),
    "drop_table_space_stmt": lambda _: _outside("DROP TABLESPACE"),
    "alter_system_stmt": lambda _: _outside("ALTER SYSTEM"),
    "alter_database_stmt": _alter_database,
    "create_subscription_stmt": _create_subscription,
    "alter_subscription_stmt": _alter_subscription,
    "drop_subscription_stmt": lambda _: _outside("DROP SUBSCRIPTION"),
    "cluster_stmt": lambda node: None if node.HasField("relation") else _outside("CLUSTER without a table"),
    "alter_table_stmt": _alter_table,
    "copy_stmt": _copy,
    "discard_stmt": _discard,
    "variable_set_stmt": _set,
}
