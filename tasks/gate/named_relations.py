"""Which relations a statement names, from PostgreSQL's own parse tree; what it changes beyond them is a surprise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from postgast.pg_query_pb2 import DoStmt, DropStmt, List, ObjectType, RangeVar, String, Token

WORDS = frozenset({Token.Value("IDENT"), Token.Value("UIDENT")})
STRINGS = frozenset({Token.Value("SCONST"), Token.Value("USCONST")})
ON_A_TABLE = frozenset(ObjectType.Value(f"OBJECT_{kind}") for kind in ("TRIGGER", "RULE", "POLICY"))
NESTING = 8  # strings of SQL within strings of SQL


@dataclass(frozen=True)
class Named:
    """The names in one text."""

    relations: frozenset[tuple[str, str]]  # schema ("" when the text leaves it out) and name, folded as the server does
    words: frozenset[str]  # every identifier, also those in the body of a DO block

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
    words = frozenset(_words(text))
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:  # newer syntax than the parser's: every identifier counts
        return Named(frozenset(("", word) for word in words), words)
    found = {(r.schemaname, r.relname) for r in postgast.find_nodes(tree, RangeVar)}
    for drop in postgast.find_nodes(tree, DropStmt):
        found |= set(_dropped(drop))
    for block in postgast.find_nodes(tree, DoStmt):
        for body in postgast.find_nodes(block, String):
            found |= {("", word) for word in _words(body.sval)}
    return Named(frozenset(found), words)


def _dropped(drop: Any) -> Iterator[tuple[str, str]]:
    for listed in postgast.find_nodes(drop, List):
        names = [part.sval for part in postgast.find_nodes(listed, String)]
        if drop.remove_type in ON_A_TABLE:
            names.pop()
        if names:
            yield (names[-2] if len(names) > 1 else "", names[-1])


def _words(text: str, depth: int = 0) -> Iterator[str]:
    """Identifiers as the server folds them, also those in strings: a DO block executes strings."""
    if depth > NESTING:
        return
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:  # an ordinary string that is no SQL
        return
    source = text.encode()
    for token in tokens:
        piece = source[token.start : token.end].decode(errors="replace")
        if token.token in STRINGS:
            yield from _words(_content(piece), depth + 1)
        elif token.token in WORDS or token.keyword_kind:
            yield piece[1:-1].replace('""', '"') if piece.startswith('"') else piece.lower()


def _content(literal: str) -> str:
    """The text of a quoted or dollar-quoted string."""
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal.removeprefix(tag).removesuffix(tag)
    return literal[literal.find("'") + 1 : -1].replace("''", "'")
