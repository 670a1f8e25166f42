"""What one statement does, in words and as JSON: the same for the terminal, the report and machines."""

from collections.abc import Sequence
from typing import Any

from tasks.gate.effect import Effect, Loss, Rule, Touched, Work
from tasks.gate.rehearsal import spelled
from tasks.gate.wording import listing

HEAD = ("Statement", "Lock", "Work", "In a transaction", "Loses data")
WORK_WORDS: dict[Work, str] = {
    "instant": "instant",
    "rows": "the rows it names",
    "scan": "scans",
    "maybe": "may rewrite",
    "rewrite": "rewrites",
    "unknown": "unknown",
}
RULE_WORDS: dict[Rule, str] = {
    "yes": "yes",
    "no": "no, outside only",
    "required": "yes, inside only",
    "never": "refused anywhere",
    "depends": "depends",
    "unknown": "unknown",
}
LOSS_WORDS: dict[Loss, str] = {"no": "no", "maybe": "maybe", "yes": "yes"}


def row(effect: Effect) -> tuple[str, ...]:
    """One statement as a row, columns as HEAD says."""
    return (
        _what(effect),
        lock_words(effect),
        _with(WORK_WORDS[effect.work], effect.because),
        _with(RULE_WORDS[effect.transaction], effect.transaction_note),
        LOSS_WORDS[effect.loses],
    )


def line(effect: Effect) -> str:
    """One statement on one line, for the terminal."""
    parts = [
        lock_words(effect),
        _with(WORK_WORDS[effect.work], effect.because),
        f"transaction: {_with(RULE_WORDS[effect.transaction], effect.transaction_note)}",
        f"loses data: {LOSS_WORDS[effect.loses]}",
        *(f"session: {said}" for said in effect.leaks),
    ]
    return f"{_what(effect)}: {'; '.join(parts)}"


def by_piece(effects: Sequence[Effect]) -> dict[tuple[str, int], list[Effect]]:
    """The statements of each piece between breakpoints, by tag and index."""
    found: dict[tuple[str, int], list[Effect]] = {}
    for effect in effects:
        found.setdefault((effect.tag, effect.piece), []).append(effect)
    return found


def lock_words(effect: Effect) -> str:
    """The strongest lock that somebody else can wait for: `ACCESS EXCLUSIVE on orders`."""
    strongest = effect.strongest
    if strongest is None:
        if any(touched.lock for touched in effect.touched):
            return "none (new in this release)"
        return "unknown" if effect.work == "unknown" else "none"
    return f"{spelled(strongest.lock)} on {strongest.name}"


def document(effect: Effect) -> dict[str, Any]:
    """One statement for machines; keys are a contract, new ones may be added."""
    return {
        "tag": effect.tag,
        "piece": effect.piece,
        "where": effect.where,
        "kind": effect.kind,
        "objects": [_object(touched) for touched in effect.touched],
        "lock": effect.strongest.lock if effect.strongest else None,
        "work": effect.work,
        "because": effect.because,
        "transaction": effect.transaction,
        "transaction_note": effect.transaction_note,
        "loses_data": effect.loses,
        "transaction_control": effect.control,
        "leaks": list(effect.leaks),
        "outside": list(effect.outside),
        "unknown": list(effect.unknown),
        "hazards": [{"kind": hazard.kind, "sentence": hazard.sentence} for hazard in effect.hazards],
    }


def _object(touched: Touched) -> dict[str, Any]:
    return {
        "name": touched.name,
        "kind": touched.kind,
        "lock": touched.lock or None,
        "named": touched.named,
        "new": touched.new,
    }


def _what(effect: Effect) -> str:
    """Kind and objects, as far as the statement names them: `CREATE INDEX (orders and orders_note)`."""
    names = [touched.name for touched in effect.touched if touched.named]
    return _with(effect.kind, listing(names, limit=3) if names else "")


def _with(words: str, note: str) -> str:
    return f"{words} ({note})" if note else words
