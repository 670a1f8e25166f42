"""PostgreSQL's own parser (libpg_query, by postgast), for whoever judges statements; never a regular expression."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

from tasks.gate.places import first_line, place

EVERYTHING = "*"  # the setting of RESET ALL


@dataclass(frozen=True)
class ParsedStatement:
    """One statement with its parse tree."""

    kind: str  # the node's name in PostgreSQL's grammar, as protobuf writes it: "index_stmt"
    node: Any
    text: str
    where: str  # file, statement, line
    index: int  # of the piece between breakpoints, from 0
    line: int  # of the file, from 1


class NotSql(Exception):
    """PostgreSQL's parser cannot read a text."""

    def __init__(self, message: str, line: int, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line  # of the text, from 1
        self.position = position  # in characters of the text, from 0


@dataclass(frozen=True)
class Unreadable:
    """A piece that could not be parsed."""

    where: str
    line: int
    message: str
    near_data: bool = False  # it follows a COPY FROM STDIN, whose rows are no SQL
    marker_inside: bool = False  # the file as a whole is fine, so a breakpoint stands inside a literal or a body


def read(file: str, pieces: Sequence[str]) -> tuple[tuple[ParsedStatement, ...], tuple[Unreadable, ...]]:
    """Every statement of a file and every piece that is none, in order.

    Args:
        file: as messages name it.
        pieces: the texts between breakpoints, unchanged.
    """
    found: list[ParsedStatement] = []
    unreadable: list[Unreadable] = []
    for index, piece in enumerate(pieces):
        start = first_line(pieces, index)
        try:
            found += _statements(piece, file, len(pieces), index, start)
        except NotSql as error:
            line = start + error.line - 1
            where = place(file, len(pieces), index, line)
            near = _ends_in_copy(piece[: error.position])
            unreadable.append(Unreadable(where, line, error.message, near_data=near))
    if unreadable and len(pieces) > 1 and _readable("--> statement-breakpoint".join(pieces)):
        unreadable = [Unreadable(u.where, u.line, u.message, marker_inside=True) for u in unreadable[:1]]
    return tuple(found), tuple(unreadable)


def statements(text: str, file: str = "the text") -> tuple[ParsedStatement, ...]:
    """Every statement of a text.

    Raises:
        NotSql: it cannot be parsed.
    """
    return tuple(_statements(text, file, 1, 0, 1))


def grammar() -> int:
    """The major version of PostgreSQL whose grammar the parser has."""
    return int(parser().parse("").version) // 10000


def enum(node: Any, field: str) -> str:
    """The name of an enumerated field's value: `AT_DropColumn`."""
    return str(node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(node, field)].name)


def nodes(statement: ParsedStatement) -> Iterator[tuple[str, Any]]:
    """Every node of a statement's tree with its name: `FuncCall`, `A_Const`, `RangeVar`."""
    for _, node in parser().walk(statement.node):
        yield type(node).DESCRIPTOR.name, node


def tree(node: Any) -> Iterator[Any]:
    """A node and everything below it."""
    for _, found in parser().walk(node):
        yield found


def calls(statement: ParsedStatement, names: Collection[str]) -> list[tuple[str, list[str | None]]]:
    """Calls of functions with these names, schema left out, each with its arguments as far as they are literals.

    The tree is only walked when the text mentions one of the names: a statement may hold a million literals.
    """
    lowered = statement.text.lower()
    if 'u&"' not in lowered and not any(name in lowered for name in names):
        return []
    return [
        (parts(node.funcname)[-1], [constant(argument) for argument in node.args])
        for kind, node in nodes(statement)
        if kind == "FuncCall" and parts(node.funcname)[-1] in names
    ]


def settings(statement: ParsedStatement) -> tuple[str, ...]:
    """Names of the session settings that it changes, by SET, RESET or set_config; `*` is all of them."""
    changed = [(arguments[0] or "").lower() for _, arguments in calls(statement, ("set_config",)) if arguments]
    if statement.kind == "variable_set_stmt":
        everything = enum(statement.node, "kind") == "VAR_RESET_ALL"
        changed.append(EVERYTHING if everything else statement.node.name.lower())
    return tuple(changed)


def plpgsql(text: str) -> Any:
    """The tree of a DO block or of a function in PL/pgSQL, as its own parser writes it.

    Raises:
        NotSql: it cannot be parsed.
    """
    libpg_query = parser()
    try:
        return libpg_query.parse_plpgsql(text)
    except (libpg_query.PgQueryError, ValueError) as error:
        raise NotSql(str(error), 1, 0) from None


def inner_statement(node: Any, around: ParsedStatement) -> ParsedStatement | None:
    """A statement inside another one, such as what EXPLAIN explains; None when there is none."""
    kind = node.WhichOneof("node")
    return None if kind is None else replace(around, kind=kind, node=getattr(node, kind))


def inner(node: Any) -> Any:
    """The message inside a wrapper of the tree."""
    return parser().unwrap_node(node)


def parts(names: Any) -> tuple[str, ...]:
    """A list of name nodes as texts: `("public", "orders")`."""
    return tuple(name.string.sval for name in names)


def relation(node: Any) -> tuple[str, ...]:
    """A table's name as it is written: `("public", "orders")`, `("orders",)`."""
    return tuple(part for part in (node.schemaname, node.relname) if part)


def object_name(node: Any) -> str:
    """What a DROP names, dotted: a table, a function without its arguments, a trigger with its table."""
    found = inner(node)
    kind = type(found).DESCRIPTOR.name
    if kind == "ObjectWithArgs":
        return ".".join(parts(found.objname))
    if kind == "TypeName":
        return ".".join(parts(found.names))
    return found.sval if kind == "String" else ".".join(parts(found.items))


def options(items: Any) -> dict[str, str]:
    """A list of `DefElem` as texts, names in lower case; an option without a value is "true"."""
    return {item.def_elem.defname.lower(): _option(item.def_elem) for item in items}


def constant(node: Any) -> str | None:
    """The text of a literal, casts around it removed; None when it is something else."""
    node = inner(node)
    while type(node).DESCRIPTOR.name == "TypeCast":
        node = inner(node.arg)
    if type(node).DESCRIPTOR.name != "A_Const" or node.isnull:
        return None
    value = node.WhichOneof("val")
    return str(getattr(getattr(node, value), value)) if value else "0"


def _option(element: Any) -> str:
    kind = element.arg.WhichOneof("node")
    if kind is None:
        return "true"
    value = getattr(element.arg, kind)
    return str(next((v for _, v in value.ListFields()), "0"))


def _statements(text: str, file: str, pieces: int, index: int, start: int) -> Iterator[ParsedStatement]:
    encoded = text.encode()
    for statement in _parse(text).stmts:
        begin = statement.stmt_location  # in bytes
        end = begin + statement.stmt_len if statement.stmt_len else len(encoded)
        line = start + encoded.count(b"\n", 0, begin)
        kind = statement.stmt.WhichOneof("node")
        yield ParsedStatement(
            kind=kind,
            node=getattr(statement.stmt, kind),
            text=encoded[begin:end].decode("utf-8", "replace"),
            where=place(file, pieces, index, line),
            index=index,
            line=line,
        )


def _parse(text: str) -> Any:
    libpg_query = parser()
    if "\0" in text:
        position = text.index("\0")
        raise NotSql("it contains a NUL byte", text.count("\n", 0, position) + 1, position)
    try:
        return libpg_query.parse(text)
    except libpg_query.PgQueryError as error:
        position = max(0, error.cursorpos - 1)
        raise NotSql(error.message, text.count("\n", 0, position) + 1, position) from None


def _readable(text: str) -> bool:
    try:
        _parse(text)
    except NotSql:
        return False
    return True


def _ends_in_copy(text: str) -> bool:
    try:
        found = _parse(text).stmts
    except NotSql:
        return False
    return bool(found) and found[-1].stmt.WhichOneof("node") == "copy_stmt"


@cache
def parser() -> Any:
    """Postgast, imported at first use because it costs a tenth of a second."""
    import postgast

    with suppress(ImportError):
        # A tree may be deeper than protobuf's hundred levels: 51 strings joined by || are enough.
        import_module("google._upb._message").SetAllowOversizeProtos(True)  # noqa: FBT003
    return postgast
