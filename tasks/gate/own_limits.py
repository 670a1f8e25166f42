"""A migration's own time limits: taken as they are written, and over with the next statement, where ours hold again.

Many public histories set some, and Drizzle runs them. The gate sets its own limits before each text that it sends, so a
piece that mixes such a SET with other statements is sent statement by statement: none of them runs without our limits.
"""

from collections.abc import Sequence

from tasks.gate import sql
from tasks.gate.places import first_line
from tasks.gate.segment import Part, Statement, whole
from tasks.gate.sql import ParsedStatement

LIMITS = frozenset(
    {
        "lock_timeout",
        "statement_timeout",
        "transaction_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
    }
)
ENCODING = frozenset({"client_encoding", "names"})
OURS = frozenset({"utf8", "utf-8", "unicode"})


def is_harmless(statement: ParsedStatement) -> bool:
    """True for a SET or RESET of a time limit, and for the encoding that is set anyway, as pg_dump writes them.

    RESET ALL is one as well: it resets neither role nor encoding, and the limits are set again.
    """
    if statement.kind != "variable_set_stmt":
        named = sql.settings(statement)
        return bool(named) and LIMITS.issuperset(named)
    if sql.settings(statement) == (sql.EVERYTHING,):
        return True
    name = statement.node.name.lower()
    if name in ENCODING:
        values = [(sql.constant(argument) or "").lower() for argument in statement.node.args]
        return bool(values) and OURS.issuperset(values)
    return name in LIMITS


def mixes(found: Sequence[ParsedStatement]) -> bool:
    """True when one of these statements sets a limit for the others."""
    return len({is_harmless(statement) for statement in found}) > 1


def part_of(tag: str, pieces: Sequence[str]) -> Part:
    """A migration as one part, a piece that sets limits for itself cut into its statements."""
    if not any(word in piece.lower() for piece in pieces for word in ("timeout", "reset")):
        return whole(tag, pieces)
    statements: list[Statement] = []
    found, _ = sql.read(tag, pieces)
    for piece, text in enumerate(pieces):
        here = [statement for statement in found if statement.index == piece]
        texts = [(s.line, s.text) for s in here] if mixes(here) else [(first_line(pieces, piece), text)]
        for line, cut in texts:
            statements.append(Statement(tag=tag, index=len(statements), line=line, text=cut))
    return Part(tag=tag, statements=tuple(statements), whole=True)
