"""Where the parse tree and the rehearsal disagree about a statement: a note to whoever approves."""

from collections.abc import Iterator, Sequence

from tasks.gate.effect import Effect, together
from tasks.gate.effect_words import by_piece
from tasks.gate.rehearsal import HARMLESS, Rehearsal, RehearsedStatement, spelled, strength
from tasks.gate.wording import listing


def disagreements(effects: Sequence[Effect], rehearsal: Rehearsal) -> tuple[str, ...]:
    """One sentence for each lock or rewrite that was foreseen otherwise than it was measured.

    What cannot be foreseen is no disagreement: a statement that is unknown inside, a relation that only the catalog
    knows, a partition that follows its table, a lock that an earlier statement holds already.

    Args:
        effects: of every statement of the plan; none for a plan that was made before they were known.
        rehearsal: what was measured.
    """
    foreseen = by_piece(effects)
    return tuple(
        f"{statement.tag}, statement {statement.index + 1}: {said}"
        for statement in rehearsal.statements
        for said in _about(foreseen.get((statement.tag, statement.index), []), statement)
    )


def _about(several: list[Effect], statement: RehearsedStatement) -> Iterator[str]:
    if not several or any(effect.unknown for effect in several):
        return
    effect = together("", several)
    yield from _locks(effect, statement)
    if statement.rewrites and effect.work not in ("rewrite", "maybe"):
        yield f"it rewrote {listing(statement.rewrites, limit=3)}, which the statement does not show"
    elif effect.work == "rewrite" and not statement.rewrites and _may_be_seen(effect):
        yield "a rewrite was expected, and none was measured"


def _may_be_seen(effect: Effect) -> bool:
    """ALTER TABLE alone tells of its rewrites; CLUSTER, REFRESH and VACUUM FULL do not."""
    return any(hazard.kind == "add-column-rewrite" for hazard in effect.hazards)


def _locks(effect: Effect, statement: RehearsedStatement) -> Iterator[str]:
    expected = {touched.name: touched.lock for touched in effect.touched if touched.named and touched.lock}
    ceiling = max((strength(touched.lock) for touched in effect.touched if touched.lock), default=-1)
    held = {lock.relation for lock in statement.held_before}
    for lock in statement.locks:
        foreseen = next((mode for name, mode in expected.items() if _same(lock.relation, name)), None)
        if lock.mode in HARMLESS and foreseen in (None, *HARMLESS):
            continue
        if foreseen is None:
            if strength(lock.mode) > ceiling:
                yield f"it took {spelled(lock.mode)} on {lock.relation}, which the statement does not show"
        elif lock.mode != foreseen and lock.relation not in held:
            yield f"{spelled(foreseen)} on {lock.relation} was expected, and {spelled(lock.mode)} was measured"


def _same(label: str, written: str) -> bool:
    """True when a label of the catalog, quoted and qualified, is what a statement calls so."""
    plain = label.replace('"', "")
    return plain == written or ("." not in written and plain.rpartition(".")[2] == written)
