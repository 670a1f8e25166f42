"""Says of a plan in segments where all or nothing ends, and what the way back is from each of them."""

from tasks.gate.partly import touched, way_back_from
from tasks.gate.plan import Plan
from tasks.gate.progress import words
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.segment import Segment
from tasks.gate.wording import count, listing

RESTORE = "the restore of the backup"


def sentences(plan: Plan, rehearsal: Rehearsal | None = None) -> tuple[str, ...]:
    """One line that says that the plan is not all or nothing, then one for each segment; none for one transaction.

    Args:
        plan: the plan.
        rehearsal: proves the ways back; before it they are only what the files offer.
    """
    many = len(plan.segments)
    if many <= 1:
        return ()
    stays = "after a failure the segments before it are in production until they are taken back"
    itself = "the migration tool by itself would fail at this plan, or commit in the middle of it"
    numbered = [(f"segment {s.number} of {many}", s) for s in plan.segments]
    return (
        f"not all or nothing, but {count(many, 'segment')}: {stays}; {itself}",
        *(f"{title}, {describe(s)}; {when_it_fails(plan, s, rehearsal)}" for title, s in numbered),
    )


def describe(segment: Segment) -> str:
    """What a segment is: `outside a transaction: CREATE INDEX CONCURRENTLY a_b of 0003_x, with its ledger row`."""
    where = "outside a transaction" if segment.alone else "one transaction"
    if not segment.completes:
        return f"{where}: {words(segment)}, no ledger row yet"
    rows = "row" if len(segment.completes) == 1 else "rows"
    return f"{where}: {words(segment)}, with the ledger {rows} of {listing(segment.completes)}"


def when_it_fails(plan: Plan, segment: Segment, rehearsal: Rehearsal | None = None) -> str:
    """What a failure in this segment leaves, and the way back from there."""
    own = "what it leaves unfinished is removed" if segment.alone else "it is rolled back"
    if segment.number == 1:
        return f"if it fails, {own} and production is as before"
    before = segment.number - 1
    stay = "segment 1 stays" if before == 1 else f"segments 1 to {before} stay"
    return f"if it fails, {own}, {stay}, and the way back is {_way_back(plan, before, rehearsal)}"


def _way_back(plan: Plan, segments_in: int, rehearsal: Rehearsal | None) -> str:
    if rehearsal is not None:
        return "the rehearsed rollback SQL" if way_back_from(rehearsal, plan, segments_in).holds else RESTORE
    part = touched(plan, segments_in).plan
    there = {rollback.tag for rollback in part.rollbacks}
    if all(migration.tag in there for migration in part.pending):
        return f"rollback SQL if the rehearsal proves it from there, else {RESTORE}"
    return RESTORE
