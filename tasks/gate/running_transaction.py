"""Whether the tool's own transaction would still be open at a statement: what BEGIN, COMMIT and SET LOCAL mean there.

The tool begins one transaction for a whole run. A BEGIN in it is only a warning to the server; a COMMIT ends it, and
from there on each piece commits by itself until a file says BEGIN.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.own_limits import LIMITS
from tasks.gate.plan import Migration
from tasks.gate.sql import NotSql, ParsedStatement

BEGINS = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
ENDS = (*BEGINS, "TRANS_STMT_COMMIT")


class Meaning(StrEnum):
    """What a statement is to the transaction."""

    RUNS = "runs"
    CUTS = "cuts"  # a transaction ends or begins here; it is not sent
    IDLE = "idle"  # it does nothing there; it is not sent
    ENDS_WITH_PIECE = "ends-with-piece"  # what its piece sets is over with it


class Place(NamedTuple):
    """One statement of a plan."""

    meaning: Meaning
    outside: bool  # the tool's transaction is not open there


Places = dict[tuple[str, int], Place]  # by tag and number of the statement


def places(read: Iterable[tuple[Migration, Sequence[ParsedStatement]]]) -> Places:
    """What each statement of a plan is to the transaction that its tool would have open.

    Args:
        read: the pending migrations with their statements, in the order of execution.
    """
    is_open = True
    found: Places = {}
    for migration, statements in read:
        for number, statement in enumerate(statements):
            was_open = is_open
            if _kind(statement) in BEGINS:
                meaning = Meaning.IDLE if is_open else Meaning.CUTS
                is_open = True
            elif _kind(statement) == "TRANS_STMT_COMMIT":
                meaning = Meaning.CUTS if is_open else Meaning.IDLE
                is_open = is_open and statement.node.chain
            else:
                meaning = Meaning.RUNS if is_open else _without(statement, statements)
            found[migration.tag, number] = Place(meaning, outside=not was_open)
    return found


def without_effect(read: Iterable[tuple[Migration, Sequence[ParsedStatement]]], found: Places) -> Iterator[str]:
    """One sentence for each SET LOCAL that is not sent."""
    for migration, statements in read:
        for number, statement in enumerate(statements):
            place = found[migration.tag, number]
            if place == (Meaning.IDLE, True) and statement.kind != "transaction_stmt":
                yield (
                    f"{statement.where}: has no effect and is not sent: an earlier COMMIT has ended the transaction"
                    " that it would hold for, and no BEGIN has begun another"
                )


def isolation(texts: Sequence[str]) -> str:
    """The level that a transaction sets before its first query; empty when it sets none.

    Args:
        texts: what is sent in it, in order; whatever asks the server something comes too late for it.
    """
    for text in texts:
        if "transaction" not in text.lower():
            return ""
        try:
            found = sql.statements(text)
        except NotSql:
            return ""
        for statement in found:
            if statement.kind != "variable_set_stmt":
                return ""
            if statement.node.name == "TRANSACTION":
                return dict(modes(statement.node.args)).get("transaction_isolation", "")
    return ""


def modes(items: Any) -> Iterator[tuple[str, str]]:
    """The modes that BEGIN and SET TRANSACTION name, each with its value."""
    for item in items:
        yield item.def_elem.defname, sql.constant(item.def_elem.arg) or ""


def _kind(statement: ParsedStatement) -> str:
    return sql.enum(statement.node, "kind") if statement.kind == "transaction_stmt" else ""


def _without(statement: ParsedStatement, beside: Sequence[ParsedStatement]) -> Meaning:
    """Outside of a transaction a SET LOCAL holds for its own piece, which the server takes for a transaction."""
    if not _is_local(statement):
        return Meaning.RUNS
    alone = sum(one.index == statement.index for one in beside) == 1
    return Meaning.IDLE if alone else Meaning.ENDS_WITH_PIECE


def _is_local(statement: ParsedStatement) -> bool:
    node = statement.node
    if statement.kind == "variable_set_stmt":
        return node.name == "TRANSACTION" or (node.is_local and node.name.lower() not in LIMITS)
    calls = sql.calls(statement, ("set_config",)) if statement.kind == "select_stmt" else []
    values = len(node.target_list) if calls else 0
    return bool(calls) and len(calls) == values and all(one[2:3] == ["True"] for _, one in calls)
