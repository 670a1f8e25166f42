"""Code that a statement runs: a DO block, a function of this release, as far as it can be read before it runs."""

from collections.abc import Callable

from tasks.gate.effect import Effect, together
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.bodies import Body, do_body
from tasks.gate.statements.situation import Situation


def _do(statement: ParsedStatement, situation: Situation) -> Effect:
    return inside("DO", do_body(statement), situation)


def inside(kind: str, body: Body, situation: Situation) -> Effect:
    """What a body does: its statements together, and what of it is unknown."""
    from tasks.gate.statements import effect_of  # the registry imports this file

    each = [_perhaps(effect_of(statement, situation)) for statement in (*body.statements, *body.expressions)]
    words = ", ".join(dict.fromkeys(effect.kind for effect in each if effect.kind != "SELECT"))
    found = together(f"{kind} ({words})" if words else kind, each)
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


def _perhaps(effect: Effect) -> Effect:
    """Code may branch: what it makes may be there already."""
    touched = tuple(one.model_copy(update={"new": False}) if not one.lock else one for one in effect.touched)
    return effect.model_copy(update={"touched": touched})


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {"do_stmt": _do}
