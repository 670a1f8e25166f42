"""What is inside a DO block: the SQL that PL/pgSQL will run, as far as its own parser shows it before it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.gate import sql
from tasks.gate.sql import NotSql, ParsedStatement

WHOLE_STATEMENT = 0  # the parse mode of PL/pgSQL for a statement, as opposed to an expression
DYNAMIC = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors")  # EXECUTE, and FOR ... IN EXECUTE
ENDS = ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback")


@dataclass(frozen=True)
class Body:
    """The inside of a block."""

    statements: tuple[ParsedStatement, ...] = ()
    expressions: tuple[ParsedStatement, ...] = ()  # each as the SELECT that would compute it
    ends: bool = False  # it commits or rolls back on its way
    may_end: bool = False  # it does so only where an error is caught
    unknown: tuple[str, ...] = ()  # what cannot be seen before it runs, in words


def do_body(statement: ParsedStatement) -> Body:
    """The inside of a DO block.

    Args:
        statement: of kind `do_stmt`.
    """
    found = {item.def_elem.defname: item.def_elem.arg.string.sval for item in statement.node.args}
    language = found.get("language", "plpgsql").lower()
    if language != "plpgsql":
        return Body(unknown=(f"the block is written in {language}, which is not read",))
    try:
        tree = sql.plpgsql(statement.text)
    except NotSql:
        return Body(unknown=("the block cannot be read",))
    return _body(tree)


def function_body(statement: ParsedStatement) -> Body:
    """The inside of a function or a procedure.

    Args:
        statement: of kind `create_function_stmt`.
    """
    node = statement.node
    if node.sql_body.WhichOneof("node"):
        return Body(statements=tuple(_inside(node.sql_body, statement)))
    found = {item.def_elem.defname: item.def_elem.arg for item in node.options}
    language = found["language"].string.sval.lower() if "language" in found else "sql"
    try:
        if language == "plpgsql":
            return _body(sql.plpgsql(statement.text))
        if language == "sql" and "as" in found:
            return Body(statements=sql.statements(found["as"].list.items[0].string.sval))
    except NotSql:
        return Body(unknown=("its body cannot be read",))
    return Body(unknown=(f"it is written in {language}, which is not read",))


def _inside(node: Any, around: ParsedStatement) -> Iterator[ParsedStatement]:
    """The statements of BEGIN ATOMIC; RETURN alone computes a value."""
    kind = node.WhichOneof("node")
    if kind == "list":
        for item in node.list.items:
            yield from _inside(item, around)
    elif kind != "return_stmt" and (found := sql.inner_statement(node, around)) is not None:
        yield found


def _body(tree: Any) -> Body:
    statements: list[ParsedStatement] = []
    expressions: list[ParsedStatement] = []
    unknown: list[str] = []
    for kind, text in _texts(tree):
        known = _literal(text) if kind == "dynamic" else text
        if known is None:
            unknown.append("EXECUTE runs a text that is put together at run time")
            continue
        try:
            (expressions if kind == "expression" else statements).extend(_parsed(kind, known))
        except NotSql:
            unknown.append("a part of the block cannot be read")
    return Body(
        statements=tuple(statements),
        expressions=tuple(expressions),
        ends=_ends(tree, caught=False),
        may_end=_ends(tree, caught=True),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _parsed(kind: str, text: str) -> tuple[ParsedStatement, ...]:
    if kind != "expression":
        return sql.statements(text)
    try:
        return sql.statements(f"SELECT {text}")
    except NotSql:  # an assignment: what is computed stands behind the sign
        for sign in (":=", "="):
            _, found, value = text.partition(sign)
            if found:
                return sql.statements(f"SELECT {value}")
        raise


def _texts(tree: Any) -> Iterator[tuple[str, str]]:
    """Every SQL text of a body: "statement", "expression", or "dynamic" for the text that EXECUTE computes."""
    if isinstance(tree, list):
        for item in tree:
            yield from _texts(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "PLpgSQL_expr":
                yield "statement" if value.get("parseMode") == WHOLE_STATEMENT else "expression", value["query"]
            elif key in DYNAMIC:
                yield "dynamic", value["query"]["PLpgSQL_expr"]["query"]
                yield from _texts({name: inside for name, inside in value.items() if name != "query"})
            elif key == "dynquery":  # OPEN ... FOR EXECUTE
                yield "dynamic", value["PLpgSQL_expr"]["query"]
            else:
                yield from _texts(value)


def _ends(tree: Any, *, caught: bool) -> bool:
    """True when the body commits or rolls back: below an exception handler if caught, else elsewhere."""
    if isinstance(tree, list):
        return any(_ends(item, caught=caught) for item in tree)
    if not isinstance(tree, dict):
        return False
    for key, value in tree.items():
        if key == "exceptions":
            if caught and (_ends(value, caught=False) or _ends(value, caught=True)):
                return True
        elif (key in ENDS and not caught) or _ends(value, caught=caught):
            return True
    return False


def _literal(text: str) -> str | None:
    """The text of a literal, None when it is an expression."""
    try:
        (statement,) = sql.statements(f"SELECT {text}")
    except (NotSql, ValueError):
        return None
    targets = statement.node.target_list
    return sql.constant(targets[0].res_target.val) if len(targets) == 1 else None
