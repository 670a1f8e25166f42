"""One statement outside a transaction in production: attempt after attempt, each with limits of its own."""

import itertools
import time
from typing import NamedTuple

import psycopg

from tasks.apply_attempt import ApplyFailed
from tasks.apply_attempts import Attempts
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import StatementRows
from tasks.gate.applied import AppliedStatement
from tasks.gate.errors import GateError
from tasks.gate.progress import words
from tasks.gate.rehearsal import definitions, statement_timeout_ms
from tasks.gate.segment import Segment
from tasks.interruption import stop
from tasks.kill_points import reached
from tasks.probe_production import settle_production
from tasks.run_alone import run_alone

LIMITS = """
select pg_catalog.set_config('lock_timeout', %s, false), pg_catalog.set_config('statement_timeout', %s, false),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', false)
"""
PHASES = 3  # an index that is built concurrently waits for older transactions as often as that


class SessionLost(Exception):
    """The segment is in, and the session that ran it is gone: the next one needs another."""


class Ran(NamedTuple):
    """The statement is in."""

    statements: list[AppliedStatement]  # none when it was found done
    attempt: int


class AloneApply:
    """The attempts at one statement."""

    def __init__(self, attempts: Attempts, segment: Segment, rows: StatementRows) -> None:
        """Prepare them.

        Args:
            attempts: the session, and what every attempt shares.
            segment: with one statement outside a transaction.
            rows: where its start and its end are written.
        """
        self._its = attempts
        self._segment = segment
        self._rows = rows
        self._ran: list[AppliedStatement] = []
        statement = segment.statements[0]
        self._expected = definitions(attempts.rehearsal).get((statement.tag, statement.index), "")

    def run(self, *, begun: bool) -> Ran:
        """Run it until it is in.

        Args:
            begun: production's rows say that this release started it.

        Raises:
            GateError: it failed; what it left is for the recovery to remove.
            SessionLost: it is in, but the session is gone.
        """
        its = self._its
        its.began = time.monotonic()
        for attempt in itertools.count(1):
            body = {"attempt": attempt, "pid": its.connection.info.backend_pid, "segment": self._segment.number}
            its.release.record.append("applying", body)
            reached("apply:recorded")
            its.watch.blockers()
            try:
                self._once(begun=begun or attempt > 1)
            except Exception as error:  # noqa: BLE001 (whatever it was: first find out whether it took effect)
                self._settle()
                its.rest(self._in_words(error), attempt, waiting=False)
            else:
                return Ran(self._ran, attempt)
        raise AssertionError("the ladder ends every attempt but the last one")

    def _once(self, *, begun: bool) -> None:
        its = self._its
        try:
            run_alone(
                its.connection,
                its.plan,
                self._segment,
                self,
                rows=self._rows,
                expected=self._expected,
                begun=begun,
                say=its.release.say,
            )
        finally:
            self.finishing(its.connection)

    def before(self, connection: Connection, segment: Segment) -> None:  # noqa: ARG002
        """Set the limits of the statement for the session: there is no transaction whose end takes them back."""
        limits, statement = self._its.release.policy.apply, segment.statements[0]
        patient = segment.alone is not None and segment.alone.patient
        locks = limits.patient_lock_timeout_ms if patient else limits.lock_timeout_ms
        rehearsed = {(s.tag, s.index): s.seconds for s in self._its.rehearsal.statements}
        own = statement_timeout_ms(rehearsed.get((statement.tag, statement.index), 0.0), limits)
        limit(self._its.connection, locks, own + (PHASES * locks if patient else 0))

    def after(self, connection: Connection, segment: Segment, seconds: float) -> None:  # noqa: ARG002
        """Note the time."""
        statement = segment.statements[0]
        self._ran.append(AppliedStatement(tag=statement.tag, index=statement.index, seconds=round(seconds, 6)))

    def finishing(self, connection: Connection) -> None:
        """Back to the limits of everything else: the ledger, above all, is not waited for with patience."""
        limits = self._its.release.policy.apply
        limit(connection, limits.lock_timeout_ms, limits.statement_timeout_floor_ms)

    def _settle(self) -> None:
        """After a failure: where the session is gone, find out whether the statement is in after all.

        What it left is not removed here: that waits for the same locks. The next attempt does it, or the recovery.

        Raises:
            SessionLost: it is in.
        """
        its = self._its
        if not (its.connection.closed or its.connection.broken):
            return
        stop(its.connection)
        state, _ = settle_production(its.release, its.plan, patience=its.patience)
        if state.progress is not None and state.progress.segments_in >= self._segment.number:
            raise SessionLost

    def _in_words(self, error: Exception) -> GateError:
        if isinstance(error, GateError):
            return error
        return ApplyFailed(f"an unexpected {type(error).__name__} at {words(self._segment)}")


def limit(connection: Connection, lock_ms: int, statement_ms: int) -> None:
    """Set the limits of the session itself, whatever a migration has made of them.

    Args:
        connection: outside a transaction; nothing happens when it is gone, which whoever uses it next says in words.
        lock_ms: how long a lock may be waited for, in ms.
        statement_ms: how long a statement may take, in ms.
    """
    if connection.closed:
        return
    try:
        connection.execute(LIMITS, [f"{lock_ms}ms", f"{statement_ms}ms"])
    except psycopg.OperationalError:
        connection.close()
