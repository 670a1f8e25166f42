"""Before a recovery: takes away what a statement outside a transaction left, so that only whole segments remain."""

import itertools
import random
import time
from contextlib import closing

import psycopg

from tasks.clients.alone_catalog import clear, drop
from tasks.clients.postgres import Connection
from tasks.clients.writing import connect_to_write
from tasks.gate.errors import NotRecovered
from tasks.gate.plan import Plan
from tasks.gate.progress import Left, Progress
from tasks.gate.rehearsal import Rehearsal, definitions
from tasks.gate.retry import Ladder, pause_after
from tasks.gate.segment import Alone, Kind
from tasks.kill_points import reached
from tasks.probe_production import look_at_segments
from tasks.release import Release
from tasks.tool import tool
from tasks.workshop import production_url


def remove_leftovers(release: Release, plan: Plan, rehearsal: Rehearsal) -> None:
    """Drop an index that this release began to build, whether it is INVALID or nobody wrote down that it is built.

    Safe to run twice: it looks first. What else may be left (a dropped index, a partition half detached) is not undone
    here: then the point is not one that was rehearsed, and the recovery takes a larger way back.

    Raises:
        NotRecovered: it could not be removed within the policy's bounds.
    """
    limits = release.policy.apply
    session = connect_to_write(
        production_url(release.settings),
        purpose=f"roll back {release.id}",
        lock_timeout_ms=limits.patient_lock_timeout_ms,
        statement_timeout_ms=limits.statement_timeout_cap_ms,
    )
    with closing(session):
        began = time.monotonic()
        for attempt in itertools.count(1):
            try:
                return _once(session, release, plan, rehearsal)
            except psycopg.Error as error:
                ladder = Ladder(
                    lock_timeout_ms=limits.lock_timeout_ms,
                    attempts=limits.attempts,
                    max_wait_seconds=limits.max_wait_seconds,
                )
                elapsed = time.monotonic() - began
                pause = None if session.closed else pause_after(ladder, attempt, elapsed, random.random())  # noqa: S311
                said = error.diag.message_primary or "the connection was lost"
                if pause is None:
                    raise NotRecovered(
                        f"what a statement outside a transaction left in production cannot be removed: {said}",
                        hint=f"let the sessions that hold it end, then `gate resume {release.id}`",
                    ) from None
                release.say(f"removing what was left, attempt {attempt}: {said}")
                time.sleep(pause)
    return None


def _once(session: Connection, release: Release, plan: Plan, rehearsal: Rehearsal) -> None:
    where = _where(session, release, plan, rehearsal)
    alone = plan.segments[where.segments_in].alone if where.started and not where.doubt else None
    if alone is None:
        return
    for deed in _deeds(session, alone, where):
        release.say(deed)
    reached("recover:leftovers-removed")


def _deeds(session: Connection, alone: Alone, where: Progress) -> tuple[str, ...]:
    if alone.kind is Kind.BUILD_INDEX and where.left is Left.DONE:
        return drop(session, alone)
    if alone.kind in (Kind.BUILD_INDEX, Kind.REINDEX) and where.left is Left.UNFINISHED:
        return clear(session, alone)
    return ()


def _where(session: Connection, release: Release, plan: Plan, rehearsal: Rehearsal) -> Progress:
    ledger = tool(plan.tool).read_ledger(session, plan.ledger_schema, plan.ledger_table)
    where = look_at_segments(session, release.id, plan, ledger, definitions(rehearsal))
    assert where is not None, "a plan in segments"
    return where
