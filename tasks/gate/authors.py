"""Who wrote what a plan will run: the people who may not be the only ones to approve it."""

from collections.abc import Mapping, Sequence

from tasks.gate.bundle import MIGRATIONS, ROLLBACKS
from tasks.gate.plan import Plan

UNCOMMITTED = "somebody who did not commit it"


def authors_of(plan: Plan, known: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Everybody who wrote a file of this plan, and a stranger for each file of which nobody knows who did.

    Args:
        plan: what will run.
        known: authors by path, which begins with `migrations/` or `rollbacks/`; empty where there is no history.
    """
    if not known:
        return ()
    found: dict[str, None] = {}
    for tag, file in [(m.tag, m.file) for m in plan.pending] + [(r.tag, r.file) for r in plan.rollbacks]:
        wrote = next((known[path] for path in _paths(file) if path in known), ())
        found |= dict.fromkeys(wrote or (f"the unknown author of {tag}",))
    return tuple(found)


def _paths(file: str) -> tuple[str, ...]:
    """Where a plan's file may be listed: rollbacks are named with or without their folder."""
    name = file.rsplit("/", 1)[-1]
    return f"{MIGRATIONS}/{file}", f"{ROLLBACKS}/{file}", f"{ROLLBACKS}/{name}"
