"""Queries, and statements around another statement: EXPLAIN, PREPARE, DECLARE, EXECUTE, CALL."""

from collections.abc import Callable
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import Effect, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, queried
from tasks.gate.statements.transactions import OFF


def _select(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    made = _into(node)
    return Effect(kind="SELECT INTO" if made else "SELECT", touched=(*made, *queried(node)), work="rows")


def _into(node: Any) -> tuple[Touched, ...]:
    if not node.HasField("into_clause"):
        return ()
    return (Touched(name=dotted(node.into_clause.rel), kind="table", new=True),)


def _call(statement: ParsedStatement, _situation: Situation) -> Effect:
    name = ".".join(sql.parts(statement.node.funccall.funcname))
    return Effect(kind="CALL", touched=(Touched(name=name, kind="procedure"),))


def _execute(statement: ParsedStatement, _situation: Situation) -> Effect:
    said = f"it runs what PREPARE has named {statement.node.name}"
    return Effect(kind="EXECUTE", work="unknown", loses="maybe", unknown=(said,))


def _explain(statement: ParsedStatement, situation: Situation) -> Effect:
    from tasks.gate.statements import effect_of  # the registry imports this file

    inner = sql.inner_statement(statement.node.query, statement)
    inside = Effect(kind="") if inner is None else effect_of(inner, situation)
    if sql.options(statement.node.options).get("analyze", "off") not in OFF:
        return inside.model_copy(update={"kind": f"EXPLAIN ANALYZE {inside.kind}".rstrip()})
    return Effect(kind="EXPLAIN", touched=inside.touched)


def _prepare(statement: ParsedStatement, _situation: Situation) -> Effect:
    name = statement.node.name
    return Effect(
        kind="PREPARE",
        touched=queried(sql.inner(statement.node.query)),
        leaks=(f"prepared statement {name} stays until the session ends",),
    )


def _deallocate(_statement: ParsedStatement, _situation: Situation) -> Effect:
    return Effect(kind="DEALLOCATE")


def _declare(statement: ParsedStatement, _situation: Situation) -> Effect:
    return Effect(kind="DECLARE CURSOR", touched=queried(sql.inner(statement.node.query)))


def _cursor(words: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(_statement: ParsedStatement, _situation: Situation) -> Effect:
        return Effect(kind=words, work="rows")

    return rule


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "select_stmt": _select,
    "call_stmt": _call,
    "execute_stmt": _execute,
    "explain_stmt": _explain,
    "prepare_stmt": _prepare,
    "deallocate_stmt": _deallocate,
    "declare_cursor_stmt": _declare,
    "fetch_stmt": _cursor("FETCH"),
    "close_portal_stmt": _cursor("CLOSE"),
}
