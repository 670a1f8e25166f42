"""Enum values that are added and used in one release: PostgreSQL wants the addition committed first (55P04)."""

from typing import Any, NamedTuple

from tasks.gate import sql
from tasks.gate.sql import ParsedStatement

ALLOWED_ON_NEW_TYPES_SINCE = 17  # a type of the same transaction may use values that were added to it


class Added(NamedTuple):
    """A value that the open transaction adds to a type."""

    tag: str
    type_name: tuple[str, ...]
    value: str
    where: str


class NewValues:
    """What the transaction that would be open has added so far; told of every statement in the order of execution."""

    def __init__(self, major: int) -> None:
        """Begin with nothing added.

        Args:
            major: production's major version.
        """
        self._major = major
        self._added: list[Added] = []
        self._new_types: set[tuple[str, ...]] = set()

    def used_by(self, statement: ParsedStatement) -> tuple[Added, ...]:
        """Added values that the statement uses, or may use: the same text may belong to a column of another type."""
        return tuple(one for one in self._added if _uses(statement, one))

    def note(self, tag: str, statement: ParsedStatement) -> None:
        """Take in a statement that runs in the open transaction."""
        if statement.kind == "create_enum_stmt":
            self._new_types.add(sql.parts(statement.node.type_name))
        elif statement.kind == "alter_enum_stmt":
            one = _addition(tag, statement)
            if one and (self._major < ALLOWED_ON_NEW_TYPES_SINCE or one.type_name not in self._new_types):
                self._added.append(one)

    def committed(self, *, but: str = "") -> None:
        """The transaction ended before the next statement; the migration `but` runs in the new one from its start."""
        self._added = [one for one in self._added if one.tag == but]
        self._new_types.clear()


def _addition(tag: str, statement: ParsedStatement) -> Added | None:
    node = statement.node
    if node.old_val or not node.new_val:  # a rename adds nothing
        return None
    return Added(tag, sql.parts(node.type_name), node.new_val, statement.where)


def _uses(statement: ParsedStatement, added: Added) -> bool:
    """True when the value stands anywhere but in a cast to another type."""
    if statement.kind == "alter_enum_stmt" or added.value not in statement.text.replace("''", "'"):
        return False
    literals = elsewhere = 0
    for kind, node in sql.nodes(statement):
        literals += kind == "A_Const" and node.sval.sval == added.value
        elsewhere += kind == "TypeCast" and _casts_to_another_type(node, added)
    return literals > elsewhere


def _casts_to_another_type(node: Any, added: Added) -> bool:
    names = sql.parts(node.type_name.names)
    inside = sql.inner(node.arg)
    literal = type(inside).DESCRIPTOR.name == "A_Const" and inside.sval.sval == added.value
    return literal and bool(names) and names[-1] != added.type_name[-1]
