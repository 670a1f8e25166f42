"""Attempt after attempt to apply a plan, until one is committed or the policy says that it is enough."""

import itertools
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from tasks.apply_attempt import ApplyFailed, AttemptObserver, OthersWrite, failure_in_words, sqlstate
from tasks.clients.postgres import Connection
from tasks.end_blockers import end_blockers
from tasks.gate.applied import Applied, applied_sentence
from tasks.gate.blockers import Blocker
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.gate.production import LedgerShows, ProductionState, Settled, Standing
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.retry import Ladder, pause_after
from tasks.gate.wording import count, duration, listing
from tasks.interruption import stop
from tasks.kill_points import reached
from tasks.lock_watch import LockWatch
from tasks.probe_production import Patience, probe_patiently, settle_production
from tasks.release import Release
from tasks.tool import run

WORTH_ANOTHER = {"55P03", "40P01"}  # lock_not_available, deadlock_detected: the whole transaction is tried again


class Work(Protocol):
    """What an attempt does, in one transaction."""

    def observer(self) -> AttemptObserver:
        """Who sits inside the transaction."""
        ...

    def run(self, connection: Connection, observer: AttemptObserver) -> None:
        """Do it, COMMIT included."""
        ...

    def is_in(self, state: ProductionState, settled: Settled) -> bool | None:
        """Whether it took effect, after a COMMIT whose reply is missing; None when what is seen does not fit."""
        ...


class Committed(NamedTuple):
    """An attempt that is in production."""

    observer: AttemptObserver
    attempt: int
    started: datetime
    seconds: float  # BEGIN to the reply to COMMIT; 0 when that reply is missing
    sentence: str


@dataclass
class Attempts:
    """What every attempt shares."""

    release: Release
    plan: Plan
    rehearsal: Rehearsal
    connection: Connection
    watch: LockWatch
    patience: Patience | None
    began: float = field(default_factory=time.monotonic)
    given_up: str = "nothing was committed"  # what is in production when the bounds are reached

    def run(self) -> Applied:
        """Apply a plan that one transaction holds, and write down that it is applied.

        Raises:
            GateError: as `apply_plan` says.
        """
        whole = _WholePlan(self)
        try:
            committed = self.until_committed(whole, {})
        except StoppedAfterCommit as stopped:
            self._applied(stopped.committed)
            raise stopped.by from None
        return self._applied(committed)

    def until_committed(self, work: Work, noted: dict[str, int]) -> Committed:
        """Try one transaction until it is in, with an event of the record before each attempt.

        Raises:
            GateError: it is not in, and another attempt would not help, or the policy's bounds are reached.
            StoppedAfterCommit: the process was told to stop, and it is in.
        """
        self.began = time.monotonic()
        for attempt in itertools.count(1):
            observer = work.observer()
            body = {"attempt": attempt, "pid": self.connection.info.backend_pid, **noted}
            self.release.record.append("applying", body)
            reached("apply:recorded")
            self.watch.blockers()
            started, clock = self.release.now(), time.monotonic()
            try:
                work.run(self.connection, observer)
            except Exception as error:  # noqa: BLE001 (whatever it was: first find out whether it is committed)
                if self._is_committed(work, observer):
                    said = "the reply to COMMIT was lost, but it took effect"
                    return Committed(observer, attempt, started, 0.0, said)
                failure = failure_in_words(error, observer)
                failure.nouns.setdefault("transaction", observer.transaction)
                self.rest(failure, attempt, waiting=isinstance(error, OthersWrite))
            except BaseException as stop_it:
                if self._is_committed(work, observer):
                    said = "the process was stopped during COMMIT, which took effect"
                    raise StoppedAfterCommit(Committed(observer, attempt, started, 0.0, said), stop_it) from None
                raise
            else:
                reached("apply:committed")
                seconds = time.monotonic() - clock
                said = applied_sentence(len(observer.statements), seconds, attempt)
                return Committed(observer, attempt, started, seconds, said)
        raise AssertionError("the ladder ends every attempt but the last one")

    def _is_committed(self, work: Work, observer: AttemptObserver) -> bool:
        """Settle an attempt that ended in an error: only one that got as far as its COMMIT can have taken effect.

        Raises:
            NotRecovered: production cannot say.
            ApplyFailed: what it says does not fit together.
        """
        if observer.witness is None:
            return False
        stop(self.connection)
        state, settled = settle_production(
            self.release, self.plan, transaction=observer.transaction, patience=self.patience
        )
        is_in = work.is_in(state, settled)
        if is_in is None:
            raise ApplyFailed(settled.sentence, transaction=observer.transaction)
        return is_in

    def _applied(self, committed: Committed) -> Applied:
        state = probe_patiently(self.release, self.plan, patience=self.patience)
        if state.ledger is not LedgerShows.AFTER:  # the server said COMMIT: anything else is for a person to see
            raise ApplyFailed(f"the plan was committed, but {state.ledger_rows} rows in the ledger are not its own")
        observer = committed.observer
        return record_applied(
            self.release,
            Applied(
                sentence=committed.sentence,
                started_at=committed.started.isoformat(),
                finished_at=self.release.now().isoformat(),
                seconds=round(committed.seconds, 6),
                attempts=committed.attempt,
                ledger_head=state.ledger_head,
                xid=observer.transaction,
                lsn=observer.witness.lsn if observer.witness else None,
                timeline=state.timeline,
                statements=tuple(observer.statements),
            ),
        )

    def rest(self, failure: GateError, attempt: int, *, waiting: bool) -> None:
        """Leave the others alone for a while before the next attempt, or give up.

        Args:
            failure: of the attempt, in words.
            attempt: its number, from 1.
            waiting: it failed because somebody else may be migrating, which the failure itself says.

        Raises:
            GateError: another attempt would not help, or the policy's bounds are reached.
        """
        if (not waiting and sqlstate(failure) not in WORTH_ANOTHER) or self.connection.closed or self.connection.broken:
            raise failure from None
        limits = self.release.policy.apply
        ladder = Ladder(
            lock_timeout_ms=limits.lock_timeout_ms, attempts=limits.attempts, max_wait_seconds=limits.max_wait_seconds
        )
        elapsed = time.monotonic() - self.began
        pause = pause_after(ladder, attempt, elapsed, random.random())  # noqa: S311 - jitter, not a secret
        blockers = self.watch.blockers()
        cause = failure.message if waiting else _lock_sentence(failure, blockers)
        if pause is None:
            raise ApplyFailed(
                f"gave up after {count(attempt, 'attempt')} in {duration(elapsed)}: {cause}",
                hint=f"let that session end, then start again; {self.given_up}",
                transaction=failure.transaction,
            ) from None
        if end_blockers(self.release, self.connection, blockers):
            pause = min(pause, limits.lock_timeout_ms / 1000)  # nobody else has waited behind what is gone now
        self.release.say(f"attempt {attempt} of {limits.attempts}: {cause}; trying again in {duration(pause)}")
        time.sleep(pause)


@dataclass
class _WholePlan:
    """A plan that one transaction holds."""

    attempts: Attempts

    def observer(self) -> AttemptObserver:
        """A new one for each attempt."""
        its = self.attempts
        return AttemptObserver(its.plan, its.rehearsal, its.release.policy.apply, its.watch)

    def run(self, connection: Connection, observer: AttemptObserver) -> None:
        """All of it."""
        run(connection, self.attempts.plan, observer)

    def is_in(self, state: ProductionState, settled: Settled) -> bool | None:  # noqa: ARG002
        """As the ledger says."""
        known = settled.standing in {Standing.APPLIED, Standing.UNTOUCHED}
        return settled.standing is Standing.APPLIED if known else None


class StoppedAfterCommit(BaseException):
    """Ctrl-C or SIGTERM came while COMMIT was under way, and it took effect."""

    def __init__(self, committed: Committed, by: BaseException) -> None:
        super().__init__()
        self.committed = committed
        self.by = by


def record_applied(release: Release, applied: Applied) -> Applied:
    """Write down that the plan is in production."""
    release.record.append("applied", applied)
    reached("apply:applied-recorded")
    return applied


def _lock_sentence(failure: GateError, blockers: tuple[Blocker, ...]) -> str:
    who = f", held by {listing([b.words for b in blockers], limit=3)}" if blockers else ""
    return f"{failure.message}{who}"
