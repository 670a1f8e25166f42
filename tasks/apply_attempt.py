"""One attempt to apply a plan: limits before each statement, a look after it, witnesses before COMMIT."""

from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from config.policy import Apply
from tasks.clients.postgres import Connection
from tasks.gate.acting_role import changes_role
from tasks.gate.applied import AppliedStatement
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal, statement_timeout_ms
from tasks.gate.wording import listing
from tasks.kill_points import reached
from tasks.lock_watch import LockWatch
from tasks.other_migrators import wait_for_others

LIMITS = """
select pg_catalog.set_config('lock_timeout', %s, true), pg_catalog.set_config('statement_timeout', %s, true)
"""
# Asserted after every statement, unless its own text changes the role; the time limits are set again before each.
NAMES = ("client_encoding", "role", "session_authorization")
SESSION = "select pg_catalog.current_setting('client_encoding'), pg_catalog.current_setting('role'), session_user::text"
WITNESS = (
    "select pg_catalog.pg_current_xact_id()::pg_catalog.text, pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"
)
CHAIN = 5  # errors behind an error that are looked at


class ApplyFailed(GateError):
    """The plan was not applied: its transaction was rolled back."""


class OthersWrite(ApplyFailed):
    """Somebody else may be migrating: worth another attempt later."""


class Witness(NamedTuple):
    """What is known of a transaction just before its COMMIT is sent."""

    xid: str  # pg_current_xact_id, as text
    lsn: str


class AttemptObserver:
    """Sits inside the transaction of the migrations; writes nothing."""

    def __init__(self, plan: Plan, rehearsal: Rehearsal, limits: Apply, watch: LockWatch) -> None:
        """Prepare one attempt.

        Args:
            plan: what is applied.
            rehearsal: how long each statement took on the restored copy.
            limits: policy `[apply]`.
            watch: a second session, to see the others with.
        """
        self.statements: list[AppliedStatement] = []
        self.witness: Witness | None = None
        self._plan = plan
        self._session: tuple[str, ...] = ()
        self._limits = limits
        self._watch = watch
        self._rehearsed = {(s.tag, s.index): s.seconds for s in rehearsal.statements}
        self.transaction: str | None = None  # xid8 as text, from the first statement on

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:  # noqa: ARG002
        """Set the limits of this very statement; before the first one, wait until nobody else migrates."""
        if self.transaction is None:
            self._wait_for_others()
            self.transaction = _witness(connection).xid
            self._session = _session(connection)
        timeout = statement_timeout_ms(self._rehearsed.get((tag, index), 0.0), self._limits)
        # Again before each statement: one that sets lock_timeout itself must not decide for those after it.
        self._set(connection, timeout)
        reached("apply:before-statement")

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        """Note the time, and make sure that the transaction is still the one that was begun."""
        if connection.info.transaction_status != TransactionStatus.INTRANS:
            raise ApplyFailed(
                f"statement {index + 1} of {tag} ended the transaction that it ran in",
                hint="remove BEGIN, COMMIT and ROLLBACK from the migration",
            )
        self._refuse_other_session(connection, tag, index, sql)
        self.statements.append(AppliedStatement(tag=tag, index=index, seconds=round(seconds, 6)))
        reached("apply:after-statement")

    def _refuse_other_session(self, connection: Connection, tag: str, index: int, sql: str) -> None:
        """What a statement may change behind the parser's back, in a function or in EXECUTE: who we are."""
        now = _session(connection)
        if now != self._session and now[0] == self._session[0] and changes_role(sql):
            self._session = now  # as the approver has read it
        for name, value, was in zip(NAMES, now, self._session, strict=True):
            if value != was:
                raise ApplyFailed(
                    f"statement {index + 1} of {tag} changed {name} to {value} for everything that comes after it",
                    hint="take that out of the function or the block that the statement runs, or undo it there",
                )

    def committing(self, connection: Connection) -> None:
        """Read what will tell later whether the COMMIT took effect."""
        self._set(connection, self._limits.statement_timeout_cap_ms)
        self.witness = _witness(connection)
        self.transaction = self.witness.xid
        reached("apply:before-commit")

    def _set(self, connection: Connection, statement_ms: int) -> None:
        connection.execute(LIMITS, [f"{self._limits.lock_timeout_ms}ms", f"{statement_ms}ms"])

    def _wait_for_others(self) -> None:
        suspects = wait_for_others(self._watch, self._plan, self._limits.lock_timeout_ms / 1000)
        if suspects:
            raise OthersWrite(
                f"somebody else may be migrating this database: {listing(suspects)}",
                hint="let that session end, then start again; two migrators at once apply migrations twice",
            )


def _session(connection: Connection) -> tuple[str, ...]:
    return tuple(str(value) for value in connection.execute(SESSION).fetchone() or ())


def _witness(connection: Connection) -> Witness:
    row = connection.execute(WITNESS).fetchone()
    assert row is not None, "a select without a table returns one row"
    return Witness(str(row[0]), str(row[1]))


def failure_in_words(error: Exception, observer: AttemptObserver) -> GateError:
    """A failure of the attempt for the person on call."""
    if isinstance(error, GateError):
        return error
    if not isinstance(error, psycopg.Error):
        return ApplyFailed(f"an unexpected {type(error).__name__} while the plan was applied; it was rolled back")
    # Without DETAIL, whose values may be personal.
    said = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    where = " at COMMIT" if observer.witness else f" after {len(observer.statements)} statements"
    return ApplyFailed(f"the plan failed in production{where}: {said}", sqlstate=error.sqlstate)


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE behind an error, however it is wrapped."""
    seen = 0
    while error is not None and seen < CHAIN:
        known = error.sqlstate if isinstance(error, psycopg.Error) else None
        if isinstance(error, GateError):
            known = str(error.nouns["sqlstate"]) if error.nouns.get("sqlstate") else None
        if known:
            return known
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None
