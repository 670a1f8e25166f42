"""The second rung: the rehearsed rollback SQL, in production, with the same patience for locks as the apply."""

import itertools
import random
import time
from contextlib import closing

import psycopg
from psycopg import sql

from tasks.clients import postgres
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import SCHEMA, TABLE, StatementRows
from tasks.clients.table_rows import tables
from tasks.gate.manifest import Manifest
from tasks.gate.partly import touched, way_back_from
from tasks.gate.plan import Plan
from tasks.gate.production import Standing
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
        RollbackFailed: it was not taken back; the plan is still applied.
        NotRecovered: the reply to COMMIT was lost, and production cannot say what became of it.
    """
    limits = release.policy.apply
    timeout = statement_timeout_ms(way_back_from(rehearsal, plan, segments_in).seconds, limits)
    session = postgres.connect(
        production_url(release.settings),
        purpose=f"roll back {release.id}",
        lock_timeout_ms=limits.lock_timeout_ms,
        statement_timeout_ms=timeout,
    )
    with closing(session), lock_watch(release, session.info.backend_pid) as watch:
        gone = _only_here(session, plan, manifest)
        _attempts(release, plan, segments_in, session, watch, patience)
    reached("rollback:committed")
    return gone


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


def _attempts(
    release: Release, plan: Plan, segments_in: int, session: Connection, watch: LockWatch, patience: Patience | None
) -> None:
    limits = release.policy.apply
    ladder = Ladder(
        lock_timeout_ms=limits.lock_timeout_ms, attempts=limits.attempts, max_wait_seconds=limits.max_wait_seconds
    )
    began = time.monotonic()
    for attempt in itertools.count(1):
        watch.blockers()
        try:
            return _go_back(session, release, plan, segments_in)
        except RollbackUnknown as unknown:
            session.close()
            transaction = str(unknown.nouns.get("transaction") or "") or None
            _, settled = settle_production(release, plan, transaction=transaction, patience=patience)
            if settled.standing is Standing.APPLIED or (plan.segments and settled.standing is Standing.PARTLY):
                raise RollbackFailed(f"{unknown.message}, and it did not take effect") from None
            return None
        except RollbackFailed as failure:
            elapsed = time.monotonic() - began
            retry = failure.nouns.get("sqlstate") in WORTH_ANOTHER
            pause = pause_after(ladder, attempt, elapsed, random.random()) if retry else None  # noqa: S311 - jitter
            if pause is None:
                raise
            who = listing([blocker.words for blocker in watch.blockers()], limit=3)
            release.say(f"rollback, attempt {attempt}: {failure.message}, held by {who}; again in {duration(pause)}")
            time.sleep(pause)
    return None


def _only_here(session: Connection, plan: Plan, manifest: Manifest | None) -> str:
    """Rows of tables that the backup does not have: they go with the rollback, and are counted first."""
    if manifest is None:
        return ""
    ours = {(plan.ledger_schema, plan.ledger_table), (SCHEMA, TABLE)}
    said = []
    for label, table in tables(session).items():
        if label in manifest.fingerprint.tables or (table.schema, table.name) in ours:
            continue
        try:
            row = session.execute(sql.SQL(ROWS).format(sql.Identifier(table.schema, table.name))).fetchone()
        except psycopg.Error:
            said.append(f"{label} (not counted)")
        else:
            said += [f"{label} ({count(row[0], 'row')})"] if row and row[0] else []
    return listing(said, limit=8) if said else ""
