"""Step 8 for a plan in segments: one after the other, each settled before the next, from wherever production stands."""

import time
from dataclasses import dataclass, field

import psycopg

from tasks.apply_alone import AloneApply, SessionLost, limit
from tasks.apply_attempt import ApplyFailed, AttemptObserver
from tasks.apply_attempts import Attempts, StoppedAfterCommit, record_applied
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import NotOurTable, StatementRows, take_on
from tasks.gate.applied import Applied, AppliedStatement
from tasks.gate.errors import Refused
from tasks.gate.production import LedgerShows, ProductionState, Settled
from tasks.gate.progress import Progress
from tasks.gate.rehearsal import definitions
from tasks.gate.segment import Segment
from tasks.gate.wording import count, duration
from tasks.kill_points import reached
from tasks.probe_production import look_at_segments, probe_patiently
from tasks.run_alone import recorded_before
from tasks.tool import run_parts, tool


@dataclass
class SegmentsApply:
    """One session's way through a plan in segments."""

    attempts: Attempts
    statements: list[AppliedStatement] = field(default_factory=list)
    most_attempts: int = 1

    def run(self) -> Applied:
        """Run every segment that is not in yet.

        Safe to start again after any end: production's rows and catalog say where it stands.

        Raises:
            GateError: a segment failed; what earlier ones did is in production.
            SessionLost: start again with another session.
        """
        its = self.attempts
        connection, plan, limits = its.connection, its.plan, its.release.policy.apply
        rows, began = StatementRows(its.release.id, plan.segments), its.release.now()
        clock = time.monotonic()
        self._create(rows)
        where = self._where()
        take_on(connection, rows.read(connection))
        for segment in plan.segments[where.segments_in :]:
            limit(connection, limits.lock_timeout_ms, limits.statement_timeout_floor_ms)
            its.given_up = f"{segment.number - 1} of {count(len(plan.segments), 'segment')} are in"
            if segment.alone is None:
                self._transaction(segment, rows)
            else:
                begun = bool(where.started) and segment.number == where.segments_in + 1
                ran = AloneApply(its, segment, rows).run(begun=begun)
                self.statements += ran.statements
                self.most_attempts = max(self.most_attempts, ran.attempt)
            if connection.closed and segment.number < len(plan.segments):
                raise SessionLost
        return self._applied(began.isoformat(), time.monotonic() - clock)

    def _create(self, rows: StatementRows) -> None:
        try:
            rows.create(self.attempts.connection)
        except NotOurTable as error:
            raise Refused(str(error), hint="rename it: the gate keeps its own rows there") from None
        except psycopg.Error as error:
            raise Refused(
                f"the schema gate cannot be made in production: {error.diag.message_primary or type(error).__name__}",
                hint="GRANT CREATE ON DATABASE to this user, or create it once: see docs/decisions/0015-segments.md",
            ) from None
        reached("segments:created")

    def _where(self) -> Progress:
        its = self.attempts
        ledger = tool(its.plan.tool).read_ledger(its.connection, its.plan.ledger_schema, its.plan.ledger_table)
        where = look_at_segments(its.connection, its.release.id, its.plan, ledger, definitions(its.rehearsal))
        assert where is not None, "a plan in segments"
        if where.doubt:
            raise ApplyFailed(where.doubt)
        if where.segments_in or where.started:
            its.release.say(f"going on where it ended: {where.sentence}")
        return where

    def _transaction(self, segment: Segment, rows: StatementRows) -> None:
        try:
            committed = self.attempts.until_committed(
                _SegmentWork(self.attempts, segment, rows), {"segment": segment.number}
            )
        except StoppedAfterCommit as stopped:
            raise stopped.by from None
        self.statements += committed.observer.statements
        self.most_attempts = max(self.most_attempts, committed.attempt)

    def _applied(self, began: str, seconds: float) -> Applied:
        its = self.attempts
        state = probe_patiently(its.release, its.plan, patience=its.patience)
        if state.ledger is not LedgerShows.AFTER:
            raise ApplyFailed(f"every segment is in, but {state.ledger_rows} rows in the ledger are not the plan's own")
        many = count(len(its.plan.segments), "segment")
        return record_applied(
            its.release,
            Applied(
                sentence=f"{many} in: {count(len(self.statements), 'statement')} ran in {duration(seconds)}",
                started_at=began,
                finished_at=its.release.now().isoformat(),
                seconds=round(seconds, 6),
                attempts=self.most_attempts,
                ledger_head=state.ledger_head,
                xid=None,
                lsn=None,
                timeline=state.timeline,
                statements=tuple(self.statements),
            ),
        )


class _SegmentObserver(AttemptObserver):
    """Writes the segment's rows in its own transaction: they are committed with it, or not at all."""

    def __init__(self, attempts: Attempts, segment: Segment, rows: StatementRows) -> None:
        super().__init__(attempts.plan, attempts.rehearsal, attempts.release.policy.apply, attempts.watch)
        self._segment = segment
        self._rows = rows

    def committing(self, connection: Connection) -> None:
        """Write the rows, then read what will tell later whether the COMMIT took effect."""
        self._rows.finish(connection, self._segment)
        super().committing(connection)


@dataclass
class _SegmentWork:
    """One transaction of the plan."""

    attempts: Attempts
    segment: Segment
    rows: StatementRows

    def observer(self) -> AttemptObserver:
        """A new one for each attempt."""
        return _SegmentObserver(self.attempts, self.segment, self.rows)

    def run(self, connection: Connection, observer: AttemptObserver) -> None:
        """Its statements, and the ledger rows of the migrations that are whole with them."""
        plan = self.attempts.plan
        run_parts(connection, plan, self.segment.parts, recorded=recorded_before(plan, self.segment), observer=observer)

    def is_in(self, state: ProductionState, settled: Settled) -> bool | None:  # noqa: ARG002
        """As the rows say, which were written in the same transaction."""
        if state.ledger is LedgerShows.AFTER:
            return True
        if state.progress is None or state.progress.doubt:
            return None
        return state.progress.segments_in >= self.segment.number
