"""Which relations a statement names, from PostgreSQL's own parse tree; what it changes beyond them is a surprise."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.gate.sql import NotSql, ParsedStatement, enum, inner, nodes, parts, statements
from tasks.gate.sql_tokens import words

ON_A_TABLE = ("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY")
LONG = 200_000  # characters: a longer INSERT is rows, and its tree takes seconds to walk

Name = tuple[str, str]  # schema ("" when the text leaves it out) and name


@dataclass(frozen=True)
class Named:
    """The names in one text."""

    relations: frozenset[Name]  # folded as the server does
    words: frozenset[str]  # every identifier, also those in the body of a DO block; none of a long INSERT

    def relation(self, schema: str, name: str) -> bool:
        """True when the text names this relation."""
        return (schema, name) in self.relations or ("", name) in self.relations

    def word(self, name: str) -> bool:
        """True when the text names anything that is called so: a constraint, a type, a column."""
        return name in self.words


def named(text: str) -> Named:
    """What a text of one or more statements names.

    Relations come from the parse tree, so a column or a word in a comment does not count. The body of a DO block is
    a string to that parser: there every identifier counts as the name of a relation.
    """
    try:
        found = statements(text)
    except NotSql:  # newer syntax than the parser's: every identifier counts
        every = frozenset(words(text))
        return Named(frozenset(("", word) for word in every), every)
    short = frozenset(word for s in found if not _rows(s) for word in words(s.text))
    return Named(frozenset(name for statement in found for name in _relations(statement)), short)


def together(several: list[Named]) -> Named:
    """The names of several texts."""
    return Named(
        frozenset(name for one in several for name in one.relations),
        frozenset(word for one in several for word in one.words),
    )


def _relations(statement: ParsedStatement) -> Iterator[Name]:
    if _rows(statement):
        yield statement.node.relation.schemaname, statement.node.relation.relname
        return
    for kind, node in nodes(statement):
        if kind == "RangeVar":
            yield node.schemaname, node.relname
    if statement.kind == "drop_stmt":
        on_a_table = enum(statement.node, "remove_type") in ON_A_TABLE
        for item in statement.node.objects:
            names = parts(inner(item).items) if item.WhichOneof("node") == "list" else ()
            yield from _qualified(names[:-1] if on_a_table else names)
    if statement.kind == "do_stmt":
        for word in words(statement.text):
            yield "", word


def _qualified(names: tuple[str, ...]) -> Iterator[Name]:
    if names:
        yield names[-2] if len(names) > 1 else "", names[-1]


def _rows(statement: ParsedStatement) -> bool:
    return statement.kind == "insert_stmt" and len(statement.text) > LONG
