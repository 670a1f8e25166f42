"""Enum values that are added and used in one transaction, which PostgreSQL refuses with 55P04."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.plan import Problem
from tasks.gate.sql import ParsedStatement

ALLOWED_ON_NEW_TYPES_SINCE = 17  # a type of the same transaction may use values that were added to it


class _Added(NamedTuple):
    type_name: tuple[str, ...]
    value: str
    where: str


def new_value_problems(
    found: Sequence[tuple[str, ParsedStatement]], major: int
) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Uses of a value that an earlier statement of the same run adds: certain ones refuse, possible ones are hazards.

    A use is certain where the tree says the type: a cast, or the default of a column of that type. The same text
    elsewhere may belong to another column: that is for the rehearsal to find out.

    Args:
        found: tag and statement of all pending migrations, in the order of execution.
        major: production's major version.
    """
    added: list[_Added] = []
    new_types: set[tuple[str, ...]] = set()
    problems: list[Problem] = []
    lines: list[str] = []
    for tag, statement in found:
        if statement.kind == "create_enum_stmt":
            new_types.add(sql.parts(statement.node.type_name))
        elif statement.kind == "alter_enum_stmt":
            one = _addition(statement)
            if one is not None and (major < ALLOWED_ON_NEW_TYPES_SINCE or one.type_name not in new_types):
                added.append(one)
        for one in added:
            use = _use(statement, one)
            if use == "certain":
                problems.append(_problem(tag, statement, one))
            elif use:
                lines.append(
                    f"{statement.where}: uses '{one.value}', which {one.where} adds to {'.'.join(one.type_name)} in the"
                    " same transaction; if it is meant as that type, PostgreSQL refuses it (55P04)"
                )
    return tuple(problems), tuple(lines)


def _addition(statement: ParsedStatement) -> _Added | None:
    node = statement.node
    if node.old_val or not node.new_val:  # a rename adds nothing
        return None
    return _Added(sql.parts(node.type_name), node.new_val, statement.where)


def _use(statement: ParsedStatement, added: _Added) -> str:
    if statement.kind == "alter_enum_stmt" or added.value not in statement.text.replace("''", "'"):
        return ""
    certain = possible = False
    for kind, node in sql.nodes(statement):
        if kind == "TypeCast":
            certain |= _is_type(node.type_name, added) and sql.constant(node.arg) == added.value
        elif kind == "ColumnDef":
            certain |= _is_type(node.type_name, added) and any(
                _is_default(item.constraint, added.value) for item in node.constraints
            )
        elif kind == "A_Const":
            possible |= node.sval.sval == added.value
    return "certain" if certain else ("possible" if possible else "")


def _is_type(type_name: Any, added: _Added) -> bool:
    names = sql.parts(type_name.names)
    return bool(names) and names[-1] == added.type_name[-1] and not type_name.array_bounds


def _is_default(constraint: Any, value: str) -> bool:
    return sql.enum(constraint, "contype") == "CONSTR_DEFAULT" and sql.constant(constraint.raw_expr) == value


def _problem(tag: str, statement: ParsedStatement, added: _Added) -> Problem:
    return Problem(
        tag=tag,
        kind="new-enum-value",
        cause=f"{statement.where}: uses '{added.value}' of {'.'.join(added.type_name)}, which {added.where} adds in the"
        " same transaction; PostgreSQL refuses that (55P04)",
        remedy="release the ALTER TYPE ... ADD VALUE first and the use of the value in the next release",
    )
