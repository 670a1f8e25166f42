"""Which settings a segment changes, and which of them end with its transaction: the server's own list says neither."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tasks.gate import sql
from tasks.gate.segment import Segment, Statement
from tasks.gate.sql import NotSql, ParsedStatement
from tasks.gate.statements.bodies import do_body

TRUE = {"true", "t", "yes", "y", "on", "1"}  # as a third argument of set_config


class Changed(NamedTuple):
    """Names of settings, in lower case."""

    local: tuple[str, ...] = ()  # what they are at the end of the transaction is over with it
    custom: tuple[str, ...] = ()  # with a dot, as app.tenant: pg_settings lists none of them


def changed(segments: Sequence[Segment]) -> dict[int, Changed]:
    """What each segment of a plan changes, by its number; the custom ones of earlier segments are still there.

    A setting that one segment sets first for the session and then for the transaction counts as local.
    """
    found: dict[int, Changed] = {}
    custom: dict[str, None] = {}
    for segment in segments:
        is_local = dict(_changes(segment.statements))  # the last one decides
        custom |= dict.fromkeys(name for name in is_local if "." in name)
        local = tuple(name for name, local in is_local.items() if local)
        found[segment.number] = Changed(local=local, custom=tuple(custom))
    return found


def _changes(statements: Iterable[Statement]) -> Iterator[tuple[str, bool]]:
    for statement in statements:
        if "set" not in statement.text.lower():
            continue
        try:
            read = sql.statements(statement.text)
        except NotSql:  # the server will say so
            continue
        for one in read:
            body = do_body(one) if one.kind == "do_stmt" else None
            for inner in (*body.statements, *body.expressions) if body else (one,):
                yield from _of(inner)


def _of(statement: ParsedStatement) -> Iterator[tuple[str, bool]]:
    if statement.kind == "variable_set_stmt":
        for name in sql.settings(statement):
            yield name, statement.node.is_local
        return
    for _, arguments in sql.calls(statement, ("set_config",)):
        if arguments and arguments[0]:
            yield arguments[0].lower(), any((one or "").lower() in TRUE for one in arguments[2:])
