"""What each statement of a migration does, from its parse tree: one family of statements a file, listed here."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tasks.gate.effect import Effect, Hazard
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements import (
    alter_table,
    blocks,
    catalog_only,
    cluster_wide,
    comments,
    create_table,
    drops,
    foreign,
    functions,
    indexes,
    maintenance,
    privileges,
    queries,
    renames,
    replication,
    rows,
    sequences,
    session,
    triggers,
    types,
    views,
)
from tasks.gate.statements.calls import with_calls
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.transactions import transaction_rule

Rule = Callable[[ParsedStatement, Situation], Effect]
FAMILIES: list[Mapping[str, Rule]] = [
    alter_table.RULES,
    blocks.RULES,
    catalog_only.RULES,
    cluster_wide.RULES,
    comments.RULES,
    create_table.RULES,
    drops.RULES,
    foreign.RULES,
    functions.RULES,
    indexes.RULES,
    maintenance.RULES,
    privileges.RULES,
    queries.RULES,
    renames.RULES,
    replication.RULES,
    rows.RULES,
    sequences.RULES,
    session.RULES,
    triggers.RULES,
    types.RULES,
    views.RULES,
]
RULES: dict[str, Rule] = {kind: rule for family in FAMILIES for kind, rule in family.items()}


def effects(
    found: Sequence[tuple[str, ParsedStatement]], major: int, domains: frozenset[str] | None = None
) -> tuple[Effect, ...]:
    """What every statement of a release does, in the order of execution.

    Args:
        found: each statement with its migration's tag. What is done to a table that an earlier statement makes locks
            nobody out, so the order counts.
        major: the server's major version.
        domains: names of the domains in production; a column of a domain may need a rewrite. None when not asked.
    """
    situation = Situation(major=major, domains=domains)
    return tuple(_placed(tag, statement, situation) for tag, statement in found)


def effect_of(statement: ParsedStatement, situation: Situation) -> Effect:
    """What one statement does; an unknown kind is said to be unknown, never harmless."""
    rule = RULES.get(statement.kind)
    effect = _unknown(statement) if rule is None else rule(statement, situation)
    effect = with_calls(effect, statement, situation)
    found = transaction_rule(statement, situation.major)
    effect = effect.model_copy(update={"transaction": found.rule, "transaction_note": found.because})
    return _among_new_tables(effect, situation)


def _placed(tag: str, statement: ParsedStatement, situation: Situation) -> Effect:
    effect = effect_of(statement, situation)
    situation.learn(statement, effect)
    hazards = (*effect.hazards, *(Hazard(kind="unknown", sentence=f"unknown: {said}") for said in effect.unknown))
    place = {"tag": tag, "piece": statement.index, "where": statement.where}
    return effect.model_copy(update={"hazards": hazards, **place})


def _unknown(statement: ParsedStatement) -> Effect:
    words = statement.kind.removesuffix("_stmt").replace("_", " ").upper()
    return Effect(
        kind=words,
        work="unknown",
        loses="maybe",
        unknown=(f"{words} is a kind of statement that the gate does not know",),
    )


def _among_new_tables(effect: Effect, situation: Situation) -> Effect:
    """Nobody else uses a table that this release makes: no lock on it is waited for, no work on it holds anybody up."""
    touched = tuple(
        one.model_copy(update={"new": True}) if one.name in situation.new else one for one in effect.touched
    )
    hazards = tuple(hazard for hazard in effect.hazards if hazard.table not in situation.new)
    return effect.model_copy(update={"touched": touched, "hazards": hazards})


def sentences(found: Sequence[Effect]) -> tuple[str, ...]:
    """Every hazard once, as a sentence with its place, in the order of the statements."""
    return tuple(dict.fromkeys(_sentences(found)))


def _sentences(found: Sequence[Effect]) -> Iterator[str]:
    for effect in found:
        for hazard in effect.hazards:
            yield f"{effect.where}: {hazard.sentence}"
