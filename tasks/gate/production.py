"""What production shows of a plan, and what that means: untouched, applied, or not known."""

from enum import StrEnum

from tasks.gate.model import Model
from tasks.gate.progress import Progress
from tasks.gate.wording import listing


class LedgerShows(StrEnum):
    """The ledger, compared with the plan."""

    BEFORE = "before"  # as the plan found it
    AFTER = "after"  # exactly the plan's rows on top of that
    BETWEEN = "between"  # the rows of its first migrations, of a plan in segments
    OTHER = "other"  # neither


class Standing(StrEnum):
    """What that means."""

    UNTOUCHED = "untouched"
    APPLIED = "applied"
    PARTLY = "partly"  # some segments are in; or a migration ended its own transaction behind the gate's back
    UNKNOWN = "unknown"


class Related(Model):
    """A database that carries production's name, or was made beside it."""

    name: str
    oid: int
    connections_allowed: bool


class ProductionState(Model):
    """What was seen on one look; nothing in it is a guess."""

    database: str
    same_database: bool  # the cluster and the oid are those of the plan
    primary: bool
    timeline: int
    timeline_of_plan: int
    ledger: LedgerShows
    ledger_rows: int
    ledger_head: str  # digest of its rows
    transaction: str | None = None  # pg_xact_status of the transaction asked about: committed, aborted, in progress
    in_flight: tuple[str, ...] = ()  # sessions of the gate that still hold a transaction, in words
    related: tuple[Related, ...] = ()
    logical_slots: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    bytes: int = 0
    progress: Progress | None = None  # of a plan in segments


class Settled(Model):
    """The meaning of a look, in one word and one sentence."""

    standing: Standing
    sentence: str


def settle(state: ProductionState) -> Settled:
    """Decide by evidence alone; whatever does not agree is unknown.

    The ledger's rows are written in the transaction of the migrations, so they are the first witness; the transaction's
    status is the second, and counts only on the timeline on which it was assigned.
    """
    doubt = _doubt(state)
    if doubt:
        return Settled(standing=Standing.UNKNOWN, sentence=doubt)
    if state.progress is not None and state.ledger is not LedgerShows.AFTER:
        return _settle_segments(state.progress)
    witness = state.transaction if state.timeline == state.timeline_of_plan else None
    if state.ledger is LedgerShows.AFTER:
        if witness in {"aborted", "in progress"}:
            doubt = f"the ledger holds the plan's rows, but its transaction is {witness}"
            return Settled(standing=Standing.UNKNOWN, sentence=doubt)
        return Settled(standing=Standing.APPLIED, sentence="the plan is applied: the ledger is exactly as it leaves it")
    if witness == "committed":
        return Settled(
            standing=Standing.PARTLY,
            sentence="a part of the plan is committed, but the ledger does not hold its rows",
        )
    return Settled(
        standing=Standing.UNTOUCHED, sentence="nothing of the plan is in production: the ledger is as before"
    )


def _settle_segments(progress: Progress) -> Settled:
    """Part of a plan in segments: each is in or not, by rows that are written in its own transaction."""
    if progress.doubt:
        return Settled(standing=Standing.UNKNOWN, sentence=progress.doubt)
    if progress.segments_in == 0 and progress.clean:
        return Settled(
            standing=Standing.UNTOUCHED, sentence="nothing of the plan is in production: the ledger is as before"
        )
    return Settled(standing=Standing.PARTLY, sentence=f"the plan is in production in part: {progress.sentence}")


def _doubt(state: ProductionState) -> str:
    if not state.same_database:
        return f"{state.database} is not the database that the plan was made for"
    if not state.primary:
        return f"{state.database} answers from a standby, which cannot say what the primary committed"
    if state.in_flight:
        return f"a session of the gate is still at work there: {listing(state.in_flight)}"
    if state.ledger is LedgerShows.OTHER:
        return f"the ledger ({state.ledger_rows} rows) is neither as before nor as after the plan: others wrote it"
    return ""
