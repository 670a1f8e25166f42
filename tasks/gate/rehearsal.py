"""What the migrations did on the restored copy: figures for the approver, limits for the apply."""

from config.policy import Apply
from tasks.gate.model import Model
from tasks.gate.undo import Undo
from tasks.gate.wording import count, cut, duration, listing, number, size

# Weakest first: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
HARMLESS = MODES[:3]  # what SELECT, INSERT, UPDATE and DELETE take themselves
WAITING = {
    "ShareUpdateExclusiveLock": "vacuum and other schema changes wait",
    "ShareLock": "writes wait",
    "ShareRowExclusiveLock": "writes wait",
    "ExclusiveLock": "writes wait",
    "AccessExclusiveLock": "reads and writes wait",
}
TABLE_HEADER = ("migration", "statement", "ms", "strongest lock", "rewrites and indexes", "rows", "WAL")
HEAD = 60  # characters of a statement in a table


class Lock(Model):
    """A relation lock that a statement took and holds to the end of its transaction."""

    relation: str
    mode: str  # AccessExclusiveLock, ... as pg_locks names it
    # From the start of the statement that took it to the end of the transaction. An upper bound, and nearly exact: what
    # takes long (a rewrite, an index build) takes its lock first.
    held_seconds: float


class RowChanges(Model):
    """Rows that a statement changed in one table, cascades and triggers included."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    truncated: bool = False


class RehearsedStatement(Model):
    """One statement and what it cost."""

    tag: str
    index: int  # within the migration, from 0, empty pieces counted
    sql: str  # at most 2,000 characters
    seconds: float
    locks: tuple[Lock, ...] = ()  # newly taken by this statement
    held_before: tuple[Lock, ...] = ()  # strongest per relation that it names and an earlier statement had locked
    rewrites: tuple[str, ...] = ()  # relations rewritten, with the reason
    index_builds: tuple[str, ...] = ()
    rows: tuple[RowChanges, ...] = ()
    wal_bytes: int = 0
    size_delta: int = 0  # bytes of the database after minus before
    definition: str = ""  # of the index that it built outside a transaction, as the server tells it


class RollbackRehearsal(Model):
    """The way back, tried."""

    available: bool  # rollback SQL exists for every pending migration
    ran: bool = False
    schema_equal: bool = False
    data_equal: bool = False
    ledger_equal: bool = False
    again: bool = False  # the plan ran once more after the rollback, to the same schema
    seconds: float = 0.0
    differences: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def holds(self) -> bool:
        """True when the rollback SQL may be trusted as a rung of recovery."""
        return self.ran and self.schema_equal and self.data_equal and self.ledger_equal and self.again


TEXTS = frozenset({"schema_text", "schema_before"})  # of a rehearsal: too long to be shown


class Rehearsal(Model):
    """The whole rehearsal."""

    statements: tuple[RehearsedStatement, ...]
    seconds: float  # first BEGIN to COMMIT
    schema_sha256: str  # of the schema text after the plan; what production must look like afterwards
    schema_text: str  # pg_dump -s --restrict-key=gate, normalised
    schema_before: str = ""  # the same of the restored backup; empty in records of earlier versions
    rollback: RollbackRehearsal
    partial: tuple[RollbackRehearsal, ...] = ()  # of a plan in segments: the way back after segment 1, 2, ...
    losses: tuple[str, ...] = ()  # columns and rows that are gone afterwards, in words
    surprises: tuple[str, ...] = ()  # tables that changed though no statement names them
    same_server_build: bool = True
    undo: Undo | None = None  # of a rollback: what it leaves behind


def definitions(rehearsal: Rehearsal) -> dict[tuple[str, int], str]:
    """Definitions of the indexes that were built outside a transaction, by tag and index of their statement."""
    return {(s.tag, s.index): s.definition for s in rehearsal.statements if s.definition}


def statement_timeout_ms(rehearsed_seconds: float, limits: Apply) -> int:
    """The time limit of a statement in production, in ms: a multiple of its rehearsed time, with a floor and a cap.

    The rehearsal runs without fsync on a warm copy, so the factor covers what production adds (failure-modes: 3 times,
    floor 3 s, cap 1 h; Stripe and strong_migrations use the same caps).

    Args:
        rehearsed_seconds: what this very statement took on the restored copy, in seconds.
        limits: policy `[apply]`.
    """
    wanted = round(rehearsed_seconds * 1000 * limits.statement_timeout_factor)
    return min(max(wanted, limits.statement_timeout_floor_ms), limits.statement_timeout_cap_ms)


def strength(mode: str) -> int:
    """How much a lock mode is in the way of others, from 0; an unknown mode counts as the strongest."""
    return MODES.index(mode) if mode in MODES else len(MODES)


def spelled(mode: str) -> str:
    """A mode as SQL spells it: `ACCESS EXCLUSIVE` for `AccessExclusiveLock`."""
    return "".join(f" {c}" if c.isupper() else c for c in mode.removesuffix("Lock")).strip().upper()


def worst_lock(locks: tuple[Lock, ...]) -> Lock | None:
    """The strongest lock; among equals the one that is held longest."""
    return max(locks, key=lambda lock: (strength(lock.mode), lock.held_seconds), default=None)


def worst_lock_sentence(rehearsal: Rehearsal) -> str:
    """What the application will feel, in one clause: `holds ACCESS EXCLUSIVE on public.orders for 0.8 s: ...`."""
    felt = tuple(lock for s in rehearsal.statements for lock in s.locks if lock.mode not in HARMLESS)
    worst = worst_lock(felt)
    if worst is None:
        return "takes no lock that reads or writes wait for"
    others = {lock.relation for lock in felt if lock.mode == worst.mode} - {worst.relation}
    more = f" and {count(len(others), 'more relation')}" if others else ""
    waiting = WAITING.get(worst.mode, "others wait")
    return f"holds {spelled(worst.mode)} on {worst.relation}{more} for {duration(worst.held_seconds)}: {waiting}"


def table_rows(rehearsal: Rehearsal) -> list[tuple[str, ...]]:
    """The rehearsal as a table, one row a statement, columns as TABLE_HEADER says; empty statements are left out."""
    return [_table_row(statement) for statement in rehearsal.statements if statement.sql.strip()]


def _table_row(statement: RehearsedStatement) -> tuple[str, ...]:
    return (
        statement.tag,
        head(statement.sql),
        f"{statement.seconds * 1000:,.0f}" if statement.seconds >= 0.0095 else f"{statement.seconds * 1000:.1f}",  # noqa: PLR2004
        _strongest(statement),
        listing((*statement.rewrites, *statement.index_builds), limit=3) if _rebuilds(statement) else "",
        ", ".join(row_words(change) for change in statement.rows),
        size(statement.wal_bytes),
    )


def head(text: str, length: int = HEAD) -> str:
    """The beginning of a statement on one line, comment lines in front of it left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return cut(" ".join(" ".join(lines).split()), length) or cut(" ".join(text.split()), length)


def _rebuilds(statement: RehearsedStatement) -> bool:
    return bool(statement.rewrites or statement.index_builds)


def _strongest(statement: RehearsedStatement) -> str:
    worst, before = worst_lock(statement.locks), worst_lock(statement.held_before)
    if before is not None and (worst is None or strength(before.mode) > strength(worst.mode)):
        return f"{spelled(before.mode)} on {before.relation} (held already)"
    return f"{spelled(worst.mode)} on {worst.relation}" if worst else ""


def row_words(change: RowChanges) -> str:
    """One table's changes: `public.orders +3 ~200,000 -1`, or `public.orders truncated -12`."""
    figures = [
        f"{sign}{number(value)}"
        for sign, value in (("+", change.inserted), ("~", change.updated), ("-", change.deleted))
        if value
    ]
    emptied = ["truncated"] if change.truncated else []
    return " ".join([change.table, *emptied, *figures])
