"""The BEGIN and COMMIT around a rollback file that was written for `psql -f`."""

from tasks.gate import sql
from tasks.gate.sql import NotSql, ParsedStatement, parser

OPENS = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
CLOSES = ("TRANS_STMT_COMMIT",)
INSIDE = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
SEMICOLON = "ASCII_59"
COMMENTS = ("SQL_COMMENT", "C_COMMENT")


def without_envelope(text: str) -> str:
    """The same text with the one BEGIN at its head and the one COMMIT at its end blanked, every line where it was.

    The gate runs rollback SQL in one transaction of its own: a file that asks for just that means nothing else by it.
    Whatever asks for more (options, a second transaction, something before or after) is returned as it is, and named by
    whoever judges the file.
    """
    lowered = text.lower()
    if not (("begin" in lowered or "start" in lowered) and ("commit" in lowered or "end" in lowered)):
        return text
    try:
        found = sql.statements(text)
    except NotSql:
        return text
    return _blanked(text) if _is_wrapped(found) else text


def _is_wrapped(found: tuple[ParsedStatement, ...]) -> bool:
    control = [statement for statement in found if _control(statement) not in ("", *INSIDE)]
    return (
        len(found) > len(control) == 2  # noqa: PLR2004 - the two ends
        and control == [found[0], found[-1]]
        and _control(found[0]) in OPENS
        and _control(found[-1]) in CLOSES
        and not found[0].node.options
        and not found[-1].node.chain
    )


def _control(statement: ParsedStatement) -> str:
    return sql.enum(statement.node, "kind") if statement.kind == "transaction_stmt" else ""


def _blanked(text: str) -> str:
    libpg_query = parser()
    name = libpg_query.pg_query_pb2.Token.Name
    tokens = [token for token in libpg_query.scan(text).tokens if name(token.token) not in COMMENTS]
    is_end = [name(token.token) == SEMICOLON for token in tokens]
    opened = is_end.index(True) + 1
    closes = len(tokens)
    while is_end[closes - 1]:
        closes -= 1
    while not is_end[closes - 1]:
        closes -= 1
    source = bytearray(text.encode())
    for token in (*tokens[:opened], *tokens[closes:]):
        source[token.start : token.end] = b" " * (token.end - token.start)
    return source.decode()
