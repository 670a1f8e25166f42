"""Tries the way back from the middle of a plan in segments: where a failure would leave production."""

from collections.abc import Callable
from contextlib import suppress

import psycopg

from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import GateError
from tasks.gate.partly import touched
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import RollbackRehearsal
from tasks.gate.wording import count
from tasks.rehearsal_states import Seen, look
from tasks.rehearse_rollback import go_back, judge_return
from tasks.roll_back import missing_rollbacks

MOST = 8  # points; each costs a copy of the database, and reading all of it


def rehearse_partial(
    scratch: ScratchServer,
    database: str,
    plan: Plan,
    before: Seen,
    after: Seen,
    *,
    programs: Programs,
    progress: Callable[[str], None],
) -> tuple[RollbackRehearsal, ...]:
    """The way back after each segment but the last, on a copy of its own each; empty for a plan of one transaction.

    Args:
        scratch: holds the restored database.
        database: the restored database, with nobody connected to it.
        plan: in segments.
        before: the restored database.
        after: a copy with the whole plan applied, which the plan must reach again after the rollback.
        programs: pg_dump.
        progress: a figure that replaces the last one.
    """
    tried: list[RollbackRehearsal] = []
    for number in range(1, len(plan.segments)):
        part = touched(plan, number)
        if missing_rollbacks(part.plan) or number > MOST:
            tried.append(_not_tried(part.plan, number))
            continue
        progress(f"rehearsing the way back after segment {number} of {len(plan.segments)}")
        name = f"{database}_part"
        scratch.drop_database(name)
        try:
            url = scratch.create_database(name, template=database, settings=plan.session_settings)
            went = go_back(url, part.plan, progress, recorded=part.recorded)
            returned = None if went.failure else look(url, plan, programs)
            tried.append(judge_return(went, before, returned, after, plan, programs))
        finally:
            with suppress(GateError, psycopg.Error):  # the scratch server itself ends soon
                scratch.drop_database(name)
    return tuple(tried)


def _not_tried(plan: Plan, number: int) -> RollbackRehearsal:
    if number > MOST:
        return RollbackRehearsal(available=True, sentence=f"only the first {count(MOST, 'segment')} are rehearsed")
    missing = ", ".join(missing_rollbacks(plan))
    return RollbackRehearsal(available=False, sentence=f"no rollback SQL for {missing}")
