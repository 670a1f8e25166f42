"""PostgreSQL's own scanner (libpg_query): the words of a text without a parse tree, such as the body of a DO block."""

from collections.abc import Iterator

from tasks.gate.sql import parser

NESTING = 8  # strings of SQL within strings of SQL
QUOTES = ("SCONST", "USCONST")
NAMES = ("IDENT", "UIDENT")


def words(text: str, depth: int = 0) -> Iterator[str]:
    """Identifiers and keywords as the server folds them, also those in string literals, which EXECUTE may run.

    A string that the scanner cannot read holds no words.
    """
    libpg_query = parser()
    token_type = libpg_query.pg_query_pb2.Token
    try:
        tokens = libpg_query.scan(text).tokens if depth <= NESTING else ()
    except libpg_query.PgQueryError:
        return
    source = text.encode()
    for token in tokens:
        piece = source[token.start : token.end].decode(errors="replace")
        kind = token_type.Name(token.token)
        if kind in QUOTES:
            yield from words(_content(piece), depth + 1)
        elif kind in NAMES or token.keyword_kind:
            yield piece[1:-1].replace('""', '"') if piece.startswith('"') else piece.lower()


def _content(literal: str) -> str:
    """The text of a quoted or dollar-quoted string."""
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal.removeprefix(tag).removesuffix(tag)
    return literal[literal.find("'") + 1 : -1].replace("''", "'")
