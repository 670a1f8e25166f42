"""DO: what the block runs, statement by statement, as far as it can be read before it runs."""

from collections.abc import Callable

from tasks.gate.effect import Effect, together
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.bodies import do_body
from tasks.gate.statements.situation import Situation


def _do(statement: ParsedStatement, situation: Situation) -> Effect:
    from tasks.gate.statements import effect_of  # the registry imports this file

    body = do_body(statement)
    inside = [effect_of(inner, situation) for inner in (*body.statements, *body.expressions)]
    words = ", ".join(dict.fromkeys(effect.kind for effect in inside if effect.kind != "SELECT"))
    found = together(f"DO ({words})" if words else "DO", inside)
    if not body.unknown:
        return found
    return found.model_copy(
        update={
            "work": "unknown",
            "loses": "yes" if found.loses == "yes" else "maybe",
            "unknown": (*found.unknown, *body.unknown),
            "because": "",
        }
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {"do_stmt": _do}
