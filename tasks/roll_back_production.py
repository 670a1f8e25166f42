"""The second rung: the rehearsed rollback SQL, in production, with the same patience for locks as the apply."""

import random
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass

import psycopg
from psycopg import sql

from config.policy import Apply
from tasks.clients import postgres
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import SCHEMA, TABLE, StatementRows
from tasks.clients.table_rows import tables
from tasks.gate.errors import ConfigurationError, GateError, NotRecovered
from tasks.gate.manifest import Manifest
from tasks.gate.partly import segments_in, touched, way_back_from
from tasks.gate.plan import Plan
from tasks.gate.production import Standing, settle
from tasks.gate.rehearsal import Rehearsal, statement_timeout_ms
from tasks.gate.retry import Ladder, pause_after
from tasks.gate.wording import count, duration, listing
from tasks.kill_points import reached
from tasks.lock_watch import LockWatch, lock_watch
from tasks.probe_production import Patience, settle_production
from tasks.release import Release
from tasks.roll_back import RollbackFailed, RollbackUnknown, roll_back
from tasks.workshop import production_url

WORTH_ANOTHER = {"55P03", "40P01"}
LOST = ("08", "57P")  # the connection failed, or an administrator or a crash ended it
NEW_SESSION_S = 2.0  # nobody queues behind a session that is gone, so its rest is short
ROWS = "select count(*) from only {}"


def roll_back_production(
    release: Release,
    plan: Plan,
    rehearsal: Rehearsal,
    manifest: Manifest | None,
    *,
    segments_in: int = 0,
    patience: Patience | None = None,
) -> str:
    """Take the plan back; returns what went with it, in words, empty when nothing did.

    Safe to run twice: it removes only rows of the ledger that this plan wrote, and refuses when they are not on top.

    Args:
        release: whose record and settings.
        plan: as it was applied.
        rehearsal: says how long the rollback SQL took.
        manifest: of the backup, which knows what tables there were.
        segments_in: of a plan in segments, how many are in.
        patience: how long to look for an unknown outcome.

    Raises:
        RollbackFailed: the rollback SQL does not hold; the plan is still applied.
        NotRecovered: its session was lost again and again, or production cannot say what became of the COMMIT.
    """
    work = _Work(release, plan, rehearsal, manifest, segments_in, patience)
    tries = _Tries(release.policy.apply)
    while True:
        try:
            _on_one_session(work, tries)
            break
        except _SessionLost as lost:
            if _took_effect(work, lost):
                break
            pause = tries.pause()
            if pause is None:
                raise _given_up(work, tries, lost) from None
            release.say(f"rollback, attempt {tries.made}: {lost.message}; the plan is still applied, again")
            time.sleep(min(pause, NEW_SESSION_S))
    reached("rollback:committed")
    return work.gone


@dataclass
class _Work:
    """What is taken back."""

    release: Release
    plan: Plan
    rehearsal: Rehearsal
    manifest: Manifest | None
    segments_in: int
    patience: Patience | None
    gone: str = ""  # what goes with it, in words


class _Tries:
    """The bounds of all attempts together, on however many sessions."""

    def __init__(self, limits: Apply) -> None:
        self._ladder = Ladder(
            lock_timeout_ms=limits.lock_timeout_ms, attempts=limits.attempts, max_wait_seconds=limits.max_wait_seconds
        )
        self._began = time.monotonic()
        self.made = 0

    def pause(self) -> float | None:
        """Seconds until the next attempt, after one that failed; None when there is none left."""
        self.made += 1
        return pause_after(self._ladder, self.made, time.monotonic() - self._began, random.random())  # noqa: S311


class _SessionLost(GateError):
    """The session ended, which says nothing about the rollback SQL."""


class _Undoing:
    """The observer that says in production's own rows that the segments were taken back, in the same transaction."""

    def __init__(self, rows: StatementRows) -> None:
        self._rows = rows

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:
        """Nothing."""

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        """Nothing."""

    def committing(self, connection: Connection) -> None:
        """Write it."""
        self._rows.undo(connection)


def _go_back(session: Connection, release: Release, plan: Plan, segments_in: int) -> None:
    wait_ms = release.policy.apply.lock_timeout_ms
    if not plan.segments:
        return roll_back(session, plan, lock_timeout_ms=wait_ms)
    part, undoing = touched(plan, segments_in), _Undoing(StatementRows(release.id))
    return roll_back(session, part.plan, recorded=part.recorded, observer=undoing, lock_timeout_ms=wait_ms)


def _on_one_session(work: _Work, tries: _Tries) -> None:
    limits = work.release.policy.apply
    timeout = statement_timeout_ms(way_back_from(work.rehearsal, work.plan, work.segments_in).seconds, limits)
    with ExitStack() as stack:
        try:
            session = stack.enter_context(
                closing(
                    postgres.connect(
                        production_url(work.release.settings),
                        purpose=f"roll back {work.release.id}",
                        lock_timeout_ms=limits.lock_timeout_ms,
                        statement_timeout_ms=timeout,
                    )
                )
            )
            watch = stack.enter_context(lock_watch(work.release, session.info.backend_pid))
        except ConfigurationError as error:  # out of reach, or no connection is free
            raise _SessionLost(error.message) from None
        work.gone = _only_here(session, work.plan, work.manifest)
        _attempts(work, tries, session, watch)


def _attempts(work: _Work, tries: _Tries, session: Connection, watch: LockWatch) -> None:
    while True:
        watch.blockers()
        try:
            return _go_back(session, work.release, work.plan, work.segments_in)
        except RollbackFailed as failure:
            if _is_lost(session, failure):
                raise _SessionLost(failure.message, transaction=failure.transaction) from None
            if isinstance(failure, RollbackUnknown):  # the rollback SQL ended its own transaction
                session.close()
                if not _took_effect(work, failure):
                    raise RollbackFailed(f"{failure.message}, and it did not take effect") from None
                return None
            pause = tries.pause() if failure.nouns.get("sqlstate") in WORTH_ANOTHER else None
            if pause is None:
                raise
            who = listing([blocker.words for blocker in watch.blockers()], limit=3)
            work.release.say(
                f"rollback, attempt {tries.made}: {failure.message}, held by {who}; again in {duration(pause)}"
            )
            time.sleep(pause)


def _is_lost(session: Connection, failure: RollbackFailed) -> bool:
    """A failover, a restart or a pooler ended the session: no verdict on the rollback SQL, as its own errors are."""
    return session.closed or str(failure.nouns.get("sqlstate") or "").startswith(LOST)


def _took_effect(work: _Work, failure: GateError) -> bool:
    """Ask production whether the rollback is in, once it answers again.

    Raises:
        NotRecovered: it does not answer, or shows neither all of it nor nothing.
    """
    try:
        state, _ = settle_production(work.release, work.plan, transaction=failure.transaction, patience=work.patience)
    except NotRecovered as away:
        raise NotRecovered(f"{failure.message}; {away.message}", hint=away.hint, unknown=True) from None
    # The transaction was waited for, and is the rollback's, not the plan's: the ledger alone says which of them is in.
    settled = settle(state.model_copy(update={"transaction": None}))
    if settled.standing is Standing.UNTOUCHED:
        return True
    partly = bool(work.plan.segments) and settled.standing is Standing.PARTLY
    applied = settled.standing is Standing.APPLIED or partly
    if not applied or segments_in(work.plan, state, settled) != work.segments_in:
        raise NotRecovered(
            f"{failure.message}; now {settled.sentence}",
            hint=f"find out what production shows, then `gate resume {work.release.id}`",
        )
    return False


def _given_up(work: _Work, tries: _Tries, lost: _SessionLost) -> NotRecovered:
    return NotRecovered(
        f"the session of the rollback was lost {count(tries.made, 'time')} ({lost.message}); "
        "nothing of it took effect, production runs with the migrations applied",
        hint=f"when production keeps its sessions, `gate resume {work.release.id}` tries it again; "
        "the backup was not restored, because the rollback SQL itself did not fail",
    )


def _only_here(session: Connection, plan: Plan, manifest: Manifest | None) -> str:
    """Rows of tables that the backup does not have: they go with the rollback, and are counted first."""
    if manifest is None:
        return ""
    ours = {(plan.ledger_schema, plan.ledger_table), (SCHEMA, TABLE)}
    said = []
    try:
        listed = tables(session)
    except psycopg.Error:
        return "what new tables hold (not counted)"
    for label, table in listed.items():
        if label in manifest.fingerprint.tables or (table.schema, table.name) in ours:
            continue
        try:
            row = session.execute(sql.SQL(ROWS).format(sql.Identifier(table.schema, table.name))).fetchone()
        except psycopg.Error:
            said.append(f"{label} (not counted)")
        else:
            said += [f"{label} ({count(row[0], 'row')})"] if row and row[0] else []
    return listing(said, limit=8) if said else ""
