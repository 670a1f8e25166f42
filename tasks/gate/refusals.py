"""What may not be in a migration: statements that cannot be taken up again or undone, or that change the session."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.acting_role import role_left
from tasks.gate.alone import alone
from tasks.gate.own_limits import LIMITS, is_harmless
from tasks.gate.plan import Problem
from tasks.gate.running_transaction import ENDS, modes
from tasks.gate.segment import Alone, Kind
from tasks.gate.sql import ParsedStatement, Unreadable
from tasks.gate.statements.transactions import transaction_rule

TRANSACTION_WORDS = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "START TRANSACTION",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}
# Stay within the transaction, whatever they undo of it.
SAVEPOINTS = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
SAVEPOINTS_IN_WORDS = {"TRANS_STMT_RELEASE": "RELEASE SAVEPOINT", "TRANS_STMT_ROLLBACK_TO": "ROLLBACK TO SAVEPOINT"}
# Settings that belong to whoever applies: its limits, and how bytes become text.
OURS = {*LIMITS, "client_encoding", "names"}


class _Refusal(NamedTuple):
    kind: str
    cause: str
    remedy: str


def refusals(
    tag: str,
    found: Sequence[ParsedStatement],
    unreadable: Sequence[Unreadable],
    major: int,
    *,
    one_transaction: bool,
    outside: Collection[int] = (),
) -> list[Problem]:
    """Every statement of one file that refuses the release.

    Args:
        tag: of the migration.
        found: its statements.
        unreadable: its pieces that cannot be parsed.
        major: production's major version, for the sentence about grammars.
        one_transaction: nothing may be split off: rollback SQL, which is all or nothing.
        outside: numbers of the statements at which the tool's own transaction is not open.
    """
    problems = [_unreadable(tag, piece, major) for piece in unreadable]
    savepoints: set[str] = set()
    for number, statement in enumerate(found):
        problems += [
            Problem(tag=tag, kind=refusal.kind, cause=f"{statement.where}: {refusal.cause}", remedy=refusal.remedy)
            for refusal in (
                *_refusals(statement, major, one_transaction=one_transaction, outside=number in outside),
                *_foreign(statement, savepoints),
            )
        ]
    if one_transaction and (left := role_left(found)):
        cause = f"{left} is still in force at its end, where the next script and the ledger are the gate's own"
        problems.append(Problem(tag=tag, kind="session", cause=cause, remedy="end the file with RESET ROLE"))
    return problems


def _foreign(statement: ParsedStatement, savepoints: set[str]) -> Iterator[_Refusal]:
    """A savepoint of the same file undoes nothing but that file; one of an earlier migration undoes that one's row."""
    if statement.kind != "transaction_stmt" or (kind := sql.enum(statement.node, "kind")) not in SAVEPOINTS:
        return
    name = statement.node.savepoint_name
    if kind == SAVEPOINTS[0]:
        savepoints.add(name)
    elif name not in savepoints:
        yield _Refusal(
            "transaction-control",
            f"{SAVEPOINTS_IN_WORDS[kind]} {name}, which this file does not set: it would undo earlier migrations of the"
            " run with their rows",
            "set the savepoint in the same file, or remove the statement",
        )


def _refusals(statement: ParsedStatement, major: int, *, one_transaction: bool, outside: bool) -> list[_Refusal]:
    if statement.kind == "transaction_stmt":
        verdict = _transaction(statement.node, one_transaction=one_transaction)
    elif statement.kind == "variable_set_stmt":
        verdict = _set(statement.node) if one_transaction else None
    elif judge := JUDGES.get(statement.kind):
        verdict = judge(statement.node)
    else:
        verdict = _rule(statement, major, one_transaction=one_transaction, outside=outside)
    taken = not one_transaction and is_harmless(statement)
    verdicts = [verdict, *(_session(name) for name in sql.settings(statement) if not taken)]
    return [verdict for verdict in verdicts if verdict is not None]


def _rule(statement: ParsedStatement, major: int, *, one_transaction: bool, outside: bool) -> _Refusal | None:
    """What no transaction takes, unless the gate can run it by itself and take it up again."""
    rule = transaction_rule(statement, major)
    if rule.rule not in ("no", "never"):
        return None
    found = None if one_transaction else alone(statement, major, outside=outside)
    return _outside(rule.what) if found is None else _unfindable(found)


def _outside(what: str) -> _Refusal:
    return _Refusal(
        "no-transaction",
        f"{what} cannot run inside a transaction",
        "use the form that works in a transaction, or run it by hand outside of the release",
    )


def _unfindable(found: Alone) -> _Refusal | None:
    """An index whose name only the server knows cannot be found again after an interruption."""
    if found.kind is not Kind.BUILD_INDEX or found.name:
        return None
    return _Refusal(
        "unnamed-index",
        f"{found.words} without a name for the index: after an interruption nobody could tell whether it was built",
        "give the index a name",
    )


def _transaction(node: Any, *, one_transaction: bool) -> _Refusal | None:
    kind = sql.enum(node, "kind")
    if kind in SAVEPOINTS:
        return None
    word = TRANSACTION_WORDS.get(kind, "transaction control")
    if one_transaction or kind not in ENDS:
        return _Refusal(
            "transaction-control",
            f"{word} takes the transaction out of the gate's hands: what is committed, and what the ledger says of it,"
            " would no longer belong together",
            f"remove {word}: every migration runs in a transaction already",
        )
    if any(mode != ("transaction_read_only", "0") for mode in modes(node.options)):
        return _Refusal(
            "transaction-control",
            f"{word} with options, which Drizzle's own migrator ignores or fails on",
            f"remove the options, or {word}: every migration runs in a transaction already",
        )
    return None


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
        "SET TRANSACTION comes too late: a rollback runs in a transaction that has begun already",
        "remove it",
    )


def _discard(node: Any) -> _Refusal | None:
    if sql.enum(node, "target") != "DISCARD_ALL":
        return None
    return _Refusal("session", "DISCARD ALL throws away the time limits of the session", "remove it")


def _session(name: str) -> _Refusal | None:
    if name not in OURS and name != sql.EVERYTHING:
        return None
    what = "RESET ALL" if name == sql.EVERYTHING else f"it changes {name}"
    return _Refusal(
        "session",
        f"{what}, which stays changed for every later migration of the run and for Drizzle's own row",
        "remove it: gate.toml has the time limits, and the gate speaks UTF-8",
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
    "drop_subscription_stmt": lambda _: _outside("DROP SUBSCRIPTION"),
    "copy_stmt": _copy,
    "discard_stmt": _discard,
}
