"""A plan in segments, taken back from the middle: what of it was touched, and which rehearsal speaks for that point."""

from typing import NamedTuple

from tasks.gate.plan import Plan
from tasks.gate.production import ProductionState, Settled, Standing
from tasks.gate.rehearsal import Rehearsal, RollbackRehearsal


class Touched(NamedTuple):
    """What is in after the first segments."""

    plan: Plan  # of the touched migrations alone, with their rollback SQL
    recorded: int  # how many of them have their row in the ledger


def touched(plan: Plan, segments_in: int) -> Touched:
    """The part of a plan that its first segments have touched; the last migration of it may be in by half."""
    first = plan.segments[:segments_in]
    tags = {part.tag for segment in first for part in segment.parts}
    pending = tuple(migration for migration in plan.pending if migration.tag in tags)
    rollbacks = tuple(rollback for rollback in plan.rollbacks if rollback.tag in tags)
    recorded = sum(len(segment.completes) for segment in first)
    return Touched(plan.model_copy(update={"pending": pending, "rollbacks": rollbacks, "segments": first}), recorded)


def way_back_from(rehearsal: Rehearsal, plan: Plan, segments_in: int) -> RollbackRehearsal:
    """What the rehearsal says of the rollback SQL at this point."""
    if not plan.segments or segments_in == len(plan.segments):
        return rehearsal.rollback
    if 0 < segments_in <= len(rehearsal.partial):
        return rehearsal.partial[segments_in - 1]
    return RollbackRehearsal(
        available=False, sentence="no rollback SQL was rehearsed from the middle of the plan, where it stands"
    )


def segments_in(plan: Plan, state: ProductionState, settled: Settled) -> int:
    """How many segments are in, of a plan that has some; 0 where none does or it cannot be told."""
    if settled.standing is Standing.APPLIED:
        return len(plan.segments)
    return state.progress.segments_in if state.progress is not None else 0
