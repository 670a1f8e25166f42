"""The plan: journal minus ledger, every migration's state, and the digest that an approval binds to."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from tasks.gate.effect import Effect
from tasks.gate.identity import Identity
from tasks.gate.model import Model, canonical, sha256
from tasks.gate.segment import Segment


class Purpose(StrEnum):
    """Why a plan is made; what is not a release goes through the same checklist, with scripts instead of migrations."""

    RELEASE = "release"  # the pending migrations, and the rows that the tool writes for them
    ROLLBACK = "rollback"  # rollback SQL of applied migrations, and their rows removed
    REPAIR = "repair"  # a remedy for a ledger that disagrees with the folder


class State(StrEnum):
    """What a migration is, seen from both its file and the ledger (facts: Drizzle 11.2)."""

    APPLIED = "applied"
    PENDING = "pending"
    EDITED = "edited"  # ran, but the file's hash is another one now
    RESTAMPED = "restamped"  # same hash in the ledger under another time
    SKIPPED = "skipped"  # Drizzle would silently never run it
    RENAMED = "renamed"  # generation 1: same hash in the ledger under another name
    UNKNOWN = "unknown"  # a ledger row without a file
    POISON = "poison"  # a ledger row that makes Drizzle misbehave: NULL or future stamps, duplicates
    UNNAMED = "unnamed"  # generation 1: a row without a name, written by generation 0


class Migration(Model):
    """One migration as its files say it, with the bytes that will run."""

    tag: str  # journal tag (generation 0) or folder name (generation 1)
    file: str  # path relative to the migrations folder, for messages
    hash: str  # SHA-256 hex, exactly as Drizzle computes it
    created_at: int | None  # milliseconds since 1970, what Drizzle will write; None when it cannot be computed
    name: str | None  # generation 1: the ledger's name column; None in generation 0
    statements: tuple[str, ...]  # the pieces between breakpoints, unchanged, empty ones included


def script(tag: str, file: str, statements: Sequence[str]) -> Migration:
    """SQL that runs as a migration does, for a plan of another purpose: it writes the ledger itself, in its own text.

    Args:
        tag: what it is about, for messages and time limits; once in a plan.
        file: where its text is from.
        statements: each is sent as one query.
    """
    text = "\0".join(statements).encode()
    return Migration(tag=tag, file=file, hash=sha256(text), created_at=None, name=None, statements=tuple(statements))


class LedgerRow(Model):
    """One row of Drizzle's table, as it is."""

    id: int | None
    hash: str
    created_at: int | None
    name: str | None = None


def head_of(rows: Sequence[LedgerRow]) -> str:
    """A digest of rows of the ledger, ids aside."""
    return sha256(canonical([[r.hash, r.created_at, r.name] for r in rows]))


class Ledger(Model):
    """The migrations table: where it is, what shape it has, what it says."""

    schema_name: str  # "drizzle" unless configured
    table: str  # "__drizzle_migrations" unless configured
    exists: bool
    schema_exists: bool
    has_name: bool  # generation 1's column is there
    rows: tuple[LedgerRow, ...]  # in id order

    @property
    def head(self) -> str:
        """A digest of the rows: changes whenever anybody writes the ledger."""
        return head_of(self.rows)


class Problem(Model):
    """One thing that refuses the release, and what to do about it."""

    cause: str
    remedy: str
    drizzle: str = ""  # what the migration tool itself would do; empty where it has no opinion
    tag: str | None = None
    kind: str = ""  # a stable word for machines: "edited", "no-transaction", ...


class FoundLedger(Model):
    """The ledger that is in use, what speaks against it, and how it was found where that is not plain."""

    ledger: Ledger
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


class Folder(Model):
    """A folder of migrations, read once."""

    tool: str  # its name
    generation: int  # 0 journal, 1 folders
    path: str
    migrations: tuple[Migration, ...]  # in the order of execution
    orphans: tuple[str, ...] = ()  # files that the tool ignores
    problems: tuple[Problem, ...] = ()  # of files that the tool would not take; an applied one is not read by all tools
    notes: tuple[str, ...] = ()  # what an approver should know of the files as a whole


class Rollback(Model):
    """Rollback SQL found for a migration."""

    tag: str
    file: str
    sha256: str
    text: str


class PlannedMigration(Model):
    """One line of the plan."""

    tag: str
    state: State
    sentence: str = ""


class Plan(Model):
    """What would run, in which order, and what stands in the way."""

    target: str
    identity: Identity
    tool: str
    generation: int
    ledger_schema: str
    ledger_table: str
    ledger_head: str
    migrations: tuple[PlannedMigration, ...]
    pending: tuple[Migration, ...]  # what will run, in order; with another purpose its scripts
    rollbacks: tuple[Rollback, ...] = ()  # of pending migrations, in the order of the plan
    problems: tuple[Problem, ...] = ()
    hazards: tuple[str, ...] = ()  # sentences for the approver: data loss, rewrites, long locks
    effects: tuple[Effect, ...] = ()  # of each statement, in the order of execution; follows from the statements
    segments: tuple[Segment, ...] = ()  # where one transaction cannot hold the plan; none when it does
    policy_digest: str = ""
    tools: dict[str, str] = Field(default_factory=dict)  # versions of the programs that will act
    purpose: Purpose = Purpose.RELEASE
    subject: str = ""  # what was asked for with another purpose, as it was typed
    title: str = ""  # what a plan of another purpose does: "take back 0003_x"
    session_settings: dict[str, str] = Field(default_factory=dict)  # not as usual there; decide what SQL means
    ledger_after: tuple[LedgerRow, ...] | None = None  # rows as scripts must leave them, ids aside; None: rows on top

    @property
    def ledger_head_after(self) -> str | None:
        """The ledger's digest as the scripts must leave it; None when the tool writes a row for each migration."""
        return None if self.ledger_after is None else head_of(self.ledger_after)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that an approval covers (design, section 3.2)."""
        covered = {
            "identity": self.identity.model_dump(include={"system_identifier", "database_oid", "database"}),
            "ledger": [self.ledger_schema, self.ledger_table, self.ledger_head],
            "pending": [[m.tag, m.hash, m.created_at, m.name, list(m.statements)] for m in self.pending],
            "rollbacks": [[r.tag, r.file, r.sha256] for r in self.rollbacks],
            "policy": self.policy_digest,
            "tools": self.tools,
            "target": self.target,
            "tool": [self.tool, self.generation],
        }
        if self.purpose is not Purpose.RELEASE:
            covered["purpose"] = [self.purpose, self.subject, self.title, self.ledger_head_after]
        if self.segments:  # a plan that one transaction holds has the digest that it always had
            covered["segments"] = [segment.model_dump(mode="json") for segment in self.segments]
        if self.session_settings:
            covered["session"] = self.session_settings
        return sha256(canonical(covered))

    @property
    def verdict(self) -> str:
        """`refused`, `nothing-pending` or `ready`."""
        if self.problems:
            return "refused"
        return "ready" if self.pending else "nothing-pending"


def unit_of(plan: Plan) -> str:
    """What a plan is counted in."""
    return "migration" if plan.purpose is Purpose.RELEASE else "script"
