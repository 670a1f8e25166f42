"""Step 8: apply the plan to production, with limits on everything, and settle every ending."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.apply_alone import SessionLost
from tasks.apply_attempt import ApplyFailed
from tasks.apply_attempts import Attempts, record_applied
from tasks.apply_permission import refuse_another_database, refuse_unless_allowed
from tasks.apply_segments import SegmentsApply
from tasks.clients import postgres
from tasks.clients.postgres import Connection
from tasks.clients.sessions import advisory_holder
from tasks.gate.applied import Applied
from tasks.gate.errors import Busy
from tasks.gate.plan import Plan
from tasks.gate.production import ProductionState, Settled, Standing
from tasks.gate.rehearsal import Rehearsal
from tasks.interruption import interrupt_on_sigterm, stop
from tasks.lock_watch import lock_watch
from tasks.probe_production import Patience, settle_production
from tasks.release import Release
from tasks.schema_before import keep_schema_before
from tasks.workshop import production_url

# Besides the acting lock, which another process may hold on to while its sessions are dead: this one dies with the very
# session that migrates (failure-modes A11, A12).
LOCK_CLASS = int.from_bytes(b"appl", "big", signed=True)
LOCK_TRIES = 5
TAKE_LOCK = "select pg_catalog.pg_try_advisory_lock(%s, %s)"


def apply_plan(release: Release, plan: Plan, rehearsal: Rehearsal, *, patience: Patience | None = None) -> Applied:
    """Apply the pending migrations exactly as Drizzle would, or change nothing; or segment by segment where it must be.

    Safe to run twice: an apply that the record holds is returned; one that was cut off is first settled by the ledger,
    which is written in the same transaction, and by the rows of each segment, and only what is not there is applied.

    Args:
        release: whose record holds the proved backup and the approval of this plan.
        plan: what is applied, from the record.
        rehearsal: gives each statement its time limit.
        patience: how long to look for an unknown outcome.

    Raises:
        Refused: the record does not allow it, or production is not as the plan found it; nothing was changed.
        ApplyFailed, StatementFailed: it was rolled back, or no lock was free within the policy's bounds.
        NotRecovered: the reply to COMMIT was lost, and production cannot say what became of it.
        ConfigurationError: production cannot be reached.
    """
    if (recorded := release.record.last("applied")) is not None:
        return Applied.model_validate(recorded.body)
    goes_on = False
    if release.record.last("applying") is not None:
        state, settled = settle_production(release, plan, patience=patience)
        if settled.standing is Standing.APPLIED:
            return record_applied(release, _found(release, state, settled))
        goes_on = bool(plan.segments) and settled.standing is Standing.PARTLY
        if settled.standing is not Standing.UNTOUCHED and not goes_on:
            raise ApplyFailed(f"an earlier attempt did not end cleanly: {settled.sentence}")
    if not goes_on:  # what is in by half was allowed when it began; to leave or undo it would be the larger change
        refuse_unless_allowed(release, plan)
    keep_schema_before(release, plan)
    while True:
        with (
            interrupt_on_sigterm(),
            _session(release, plan) as connection,
            lock_watch(release, connection.info.backend_pid) as watch,
        ):
            attempts = Attempts(release, plan, rehearsal, connection, watch, patience)
            if not plan.segments:
                return attempts.run()
            try:
                return SegmentsApply(attempts).run()
            except SessionLost:  # one more segment is in each time, so this ends
                release.say("the session was lost, and what it ran is in: going on with another")


@contextmanager
def _session(release: Release, plan: Plan) -> Iterator[Connection]:
    """The one session that migrates: of the right database, and alone."""
    limits = release.policy.apply
    connection = postgres.connect(
        production_url(release.settings),
        purpose=f"apply {release.id}",
        lock_timeout_ms=limits.lock_timeout_ms,
        statement_timeout_ms=limits.statement_timeout_floor_ms,
    )
    try:
        refuse_another_database(plan, postgres.identity(connection), primary=not postgres.in_recovery(connection))
        digest = hashlib.sha256(release.target.encode()).digest()
        lock = int.from_bytes(digest[:4], "big", signed=True)
        _take_lock(connection, plan, lock)
        yield connection
    finally:
        stop(connection)


def _take_lock(connection: Connection, plan: Plan, lock: int) -> None:
    """The session's own lock, or who has it; one that was just given back is asked for again."""
    who = ""
    for _ in range(LOCK_TRIES):
        row = connection.execute(TAKE_LOCK, [LOCK_CLASS, lock]).fetchone()
        if row and row[0]:
            return
        if who := advisory_holder(connection, LOCK_CLASS, lock):
            break
    raise Busy(
        f"another session of the gate is migrating {plan.identity.database} right now: {who or 'it changes hands'}",
        hint="`gate status` shows its release; its session is named `gate apply ...` in pg_stat_activity",
    )


def _found(release: Release, state: ProductionState, settled: Settled) -> Applied:
    """An apply whose process died before it could write it down."""
    event = release.record.last("applying")
    assert event is not None, "asked only when one is recorded"
    return Applied(
        sentence=f"committed by a process that died before it could say so: {settled.sentence}",
        started_at=event.at,
        finished_at=release.now().isoformat(),
        seconds=0.0,
        attempts=int(event.body.get("attempt", 1)),
        ledger_head=state.ledger_head,
        xid=None,
        lsn=None,
        timeline=state.timeline,
    )
