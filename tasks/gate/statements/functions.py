"""Functions and procedures: made or changed, never run by that; what they contain is read where they are called."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import Effect, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import queried


def _create(statement: ParsedStatement, situation: Situation) -> Effect:
    node = statement.node
    what = "PROCEDURE" if node.is_procedure else "FUNCTION"
    names = sql.parts(node.funcname)
    situation.functions.setdefault(names[-1], []).append(statement)
    reads = queried(sql.inner(node.sql_body)) if node.sql_body.WhichOneof("node") else ()
    return Effect(
        kind=f"CREATE {'OR REPLACE ' if node.replace else ''}{what}",
        touched=(Touched(name=".".join(names), kind=what.lower()), *reads),
    )


def _alter(statement: ParsedStatement, _situation: Situation) -> Effect:
    name = ".".join(sql.parts(statement.node.func.objname))
    return Effect(kind="ALTER FUNCTION", touched=(Touched(name=name, kind="function"),))


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_function_stmt": _create,
    "alter_function_stmt": _alter,
}
