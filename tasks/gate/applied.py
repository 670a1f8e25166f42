"""What applying the plan and looking at production afterwards came to."""

from tasks.gate.model import Model
from tasks.gate.wording import count, duration


class AppliedStatement(Model):
    """One statement in production."""

    tag: str
    index: int  # within the migration, from 0, empty pieces counted
    seconds: float


class Applied(Model):
    """The plan is committed in production."""

    sentence: str
    started_at: str  # UTC, ISO 8601, of the attempt that succeeded
    finished_at: str
    seconds: float  # of the attempt that succeeded, BEGIN to the reply to COMMIT
    attempts: int
    ledger_head: str
    xid: str | None  # of the one transaction; None when only the ledger could tell that it is committed
    lsn: str | None  # pg_current_wal_insert_lsn just before COMMIT
    timeline: int
    statements: tuple[AppliedStatement, ...] = ()


def applied_sentence(statements: int, seconds: float, attempts: int) -> str:
    """The apply in one sentence, when the server's reply to COMMIT arrived."""
    tries = "" if attempts == 1 else f", at attempt {attempts}"
    return f"{count(statements, 'statement')} committed in {duration(seconds)}{tries}"


class Verified(Model):
    """Production was looked at after the apply, and is as the rehearsal said."""

    sentence: str
    seconds: float
    watched_seconds: float
    checks: tuple[str, ...]  # each in words
