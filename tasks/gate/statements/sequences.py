"""Sequences: made and changed."""

from collections.abc import Callable, Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_SHARE, SHARE_ROW_EXCLUSIVE, Effect, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, table


def _create(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    sequence = Touched(name=dotted(node.sequence), kind="sequence", new=not node.if_not_exists)
    return Effect(kind="CREATE SEQUENCE", touched=(sequence, *_owner(node)))


def _alter(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    restarts = any(item.def_elem.defname == "restart" for item in node.options)
    return Effect(
        kind="ALTER SEQUENCE",
        touched=(table(node.sequence, SHARE_ROW_EXCLUSIVE, "sequence"), *_owner(node)),
        loses="maybe" if restarts else "no",
        because="its position moves" if restarts else "",
    )


def _owner(node: Any) -> Iterator[Touched]:
    """The table of OWNED BY table.column; nothing for OWNED BY NONE."""
    for item in node.options:
        if item.def_elem.defname == "owned_by":
            names = sql.parts(item.def_elem.arg.list.items)
            if len(names) > 1:
                yield Touched(name=".".join(names[:-1]), kind="table", lock=ACCESS_SHARE)


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_seq_stmt": _create,
    "alter_seq_stmt": _alter,
}
