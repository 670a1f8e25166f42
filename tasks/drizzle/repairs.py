"""Every safe repair of Drizzle's ledger: what it runs, and the rows that it leaves; pure, and checked by the states.

An offer is only made when, by the very rules that refuse a release, the ledger afterwards has fewer problems and no new
one, what was to be mended is applied, and every other migration is what it was before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.drizzle.repair_kinds import (
    baseline,
    forgets,
    forgets_before_upgrade,
    marks,
    names,
    renames,
    restamps,
    runs,
    upgrade,
)
from tasks.drizzle.seen import Seen
from tasks.drizzle.states import States, states
from tasks.gate.plan import Folder, Ledger, State
from tasks.gate.repair import Offer

FREE = ("forget", "upgrade")  # what is not mended may be something else afterwards: it is said, and approved


@dataclass(frozen=True)
class _Before:
    seen: Seen
    found: States
    now_ms: int


def repairs(folder: Folder, ledger: Ledger, now_ms: int, *, populated: bool, subject: str = "") -> tuple[Offer, ...]:
    """What may be offered for this folder and this ledger, in the order in which it should be considered.

    Args:
        folder: as it was read.
        ledger: its rows as they are.
        now_ms: milliseconds since 1970.
        populated: the database has tables of its own, so an empty ledger may have lost its history.
        subject: what was asked for; a baseline up to a migration is only made when it is.
    """
    before = _Before(Seen(folder, ledger), states(folder, ledger, now_ms), now_ms)
    return tuple(offer for offer in _candidates(before, subject, populated=populated) if _is_safe(offer, before))


def _candidates(before: _Before, subject: str, *, populated: bool) -> Iterator[Offer]:
    seen, lines = before.seen, before.found[0]
    by_state: dict[State, list[str]] = {}
    for line in lines:
        by_state.setdefault(line.state, []).append(line.tag)
    if seen.folder.generation == 1 and seen.ledger.exists and not seen.ledger.has_name:
        yield from upgrade(seen)
        yield from forgets_before_upgrade(seen)
        return
    yield from restamps(seen, [*by_state.get(State.RESTAMPED, []), *by_state.get(State.POISON, [])])
    yield from renames(seen, by_state.get(State.RENAMED, []))
    yield from names(seen)
    yield from runs(seen, by_state.get(State.SKIPPED, []))
    yield from marks(seen, [*by_state.get(State.SKIPPED, []), *by_state.get(State.EDITED, [])])
    if populated and not seen.ledger.rows:
        yield from baseline(seen, subject.removeprefix("baseline").strip() if subject.startswith("baseline") else "")
    elif populated:
        yield from marks(seen, by_state.get(State.PENDING, [])[:1])
    yield from forgets(seen)


def _is_safe(offer: Offer, before: _Before) -> bool:
    ledger = before.seen.ledger.model_copy(
        update={"exists": True, "schema_exists": True, "has_name": offer.has_name, "rows": offer.rows}
    )
    lines, _, problems = states(before.seen.folder, ledger, before.now_ms)
    was = {line.tag: line.state for line in before.found[0]}
    now = {line.tag: line.state for line in lines}
    if any(now.get(tag) is not State.APPLIED for tag in offer.mends):
        return False
    if {(p.kind, p.tag) for p in problems} - {(p.kind, p.tag) for p in before.found[2]}:
        return False
    if len(problems) >= len(before.found[2]) and before.found[2]:
        return False
    return offer.kind in FREE or all(
        now.get(m.tag) is was[m.tag] for m in before.seen.folder.migrations if m.tag not in offer.mends
    )
