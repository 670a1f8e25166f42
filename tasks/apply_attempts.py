"""Attempt after attempt to apply a plan, until one is committed or the policy says that it is enough."""

import itertools
import random
import time
from dataclasses import dataclass, field
from datetime import datetime

from tasks.apply_attempt import ApplyFailed, AttemptObserver, OthersWrite, failure_in_words, sqlstate
from tasks.clients.postgres import Connection
from tasks.gate.applied import Applied, applied_sentence
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.gate.production import LedgerShows, Standing
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.retry import Ladder, pause_after
from tasks.gate.wording import count, duration, listing
from tasks.interruption import stop
from tasks.kill_points import reached
from tasks.lock_watch import LockWatch
from tasks.probe_production import Patience, probe_production, settle_production
from tasks.release import Release
from tasks.tool import run

WORTH_ANOTHER = {"55P03", "40P01"}  # lock_not_available, deadlock_detected: the whole transaction is tried again


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

    def run(self) -> Applied:
        """Apply, and write down that it is applied.

        Raises:
            GateError: as `apply_plan` says.
        """
        for attempt in itertools.count(1):
            observer = AttemptObserver(self.plan, self.rehearsal, self.release.policy.apply, self.watch)
            self.release.record.append("applying", {"attempt": attempt, "pid": self.connection.info.backend_pid})
            reached("apply:recorded")
            self.watch.blockers()
            started, clock = self.release.now(), time.monotonic()
            try:
                run(self.connection, self.plan, observer)
            except Exception as error:  # noqa: BLE001 (whatever it was: first find out whether it is committed)
                if self._is_committed(observer):
                    return self._applied(
                        observer, attempt, started, 0.0, "the reply to COMMIT was lost, but it took effect"
                    )
                self._rest(error, observer, attempt)
            except BaseException:
                if self._is_committed(observer):
                    self._applied(
                        observer, attempt, started, 0.0, "the process was stopped during COMMIT, which took effect"
                    )
                raise
            else:
                reached("apply:committed")
                seconds = time.monotonic() - clock
                said = applied_sentence(len(observer.statements), seconds, attempt)
                return self._applied(observer, attempt, started, seconds, said)
        raise AssertionError("the ladder ends every attempt but the last one")

    def _is_committed(self, observer: AttemptObserver) -> bool:
        """Settle an attempt that ended in an error: only one that got as far as its COMMIT can have taken effect.

        Raises:
            NotRecovered: production cannot say.
            ApplyFailed: what it says does not fit together.
        """
        if observer.witness is None:
            return False
        stop(self.connection)
        _, settled = settle_production(
            self.release, self.plan, transaction=observer.transaction, patience=self.patience
        )
        if settled.standing in {Standing.APPLIED, Standing.UNTOUCHED}:
            return settled.standing is Standing.APPLIED
        raise ApplyFailed(settled.sentence, transaction=observer.transaction)

    def _applied(
        self, observer: AttemptObserver, attempt: int, started: datetime, seconds: float, said: str
    ) -> Applied:
        state = probe_production(self.release, self.plan)
        if state.ledger is not LedgerShows.AFTER:  # the server said COMMIT: anything else is for a person to see
            raise ApplyFailed(f"the plan was committed, but {state.ledger_rows} rows in the ledger are not its own")
        return record_applied(
            self.release,
            Applied(
                sentence=said,
                started_at=started.isoformat(),
                finished_at=self.release.now().isoformat(),
                seconds=round(seconds, 6),
                attempts=attempt,
                ledger_head=state.ledger_head,
                xid=observer.transaction,
                lsn=observer.witness.lsn if observer.witness else None,
                timeline=state.timeline,
                statements=tuple(observer.statements),
            ),
        )

    def _rest(self, error: Exception, observer: AttemptObserver, attempt: int) -> None:
        """Leave the others alone for a while before the next attempt, or give up.

        Raises:
            GateError: another attempt would not help, or the policy's bounds are reached.
        """
        failure = failure_in_words(error, observer)
        failure.nouns.setdefault("transaction", observer.transaction)
        waiting = isinstance(error, OthersWrite)
        if (not waiting and sqlstate(error) not in WORTH_ANOTHER) or self.connection.closed or self.connection.broken:
            raise failure from None
        limits = self.release.policy.apply
        ladder = Ladder(
            lock_timeout_ms=limits.lock_timeout_ms, attempts=limits.attempts, max_wait_seconds=limits.max_wait_seconds
        )
        elapsed = time.monotonic() - self.began
        pause = pause_after(ladder, attempt, elapsed, random.random())  # noqa: S311 - jitter, not a secret
        cause = failure.message if waiting else _lock_sentence(failure, self.watch.blockers())
        if pause is None:
            raise ApplyFailed(
                f"gave up after {count(attempt, 'attempt')} in {duration(elapsed)}: {cause}",
                hint="let that session end, then start again; nothing was committed",
                transaction=observer.transaction,
            ) from None
        self.release.say(f"attempt {attempt} of {limits.attempts}: {cause}; trying again in {duration(pause)}")
        time.sleep(pause)


def record_applied(release: Release, applied: Applied) -> Applied:
    """Write down that the plan is in production."""
    release.record.append("applied", applied)
    reached("apply:applied-recorded")
    return applied


def _lock_sentence(failure: GateError, blockers: tuple[str, ...]) -> str:
    who = f", held by {listing(blockers, limit=3)}" if blockers else ""
    return f"{failure.message}{who}"
