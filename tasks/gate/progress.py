"""How far a plan in segments got, decided from the rows that production holds of it and from its ledger."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from tasks.gate.model import Model
from tasks.gate.plan import Ledger, LedgerRow, Migration, Plan, head_of
from tasks.gate.segment import Segment, Statement
from tasks.gate.wording import count, listing


def recorded_rows(ledger: Ledger, plan: Plan) -> int | None:
    """How many of the plan's migrations have their row, from the first on; None when the ledger is not the plan's."""
    for many in range(len(plan.pending) + 1):
        rest = without_own_rows(ledger, plan, many)
        if rest is not None and head_of(rest) == plan.ledger_head:
            return many
    return None


def without_own_rows(ledger: Ledger, plan: Plan, many: int) -> tuple[LedgerRow, ...] | None:
    """The ledger without the rows of the plan's first `many` migrations; None when they are not its newest ones.

    Where a tool's rows have no number, nothing says which is newest: then they only have to be there.
    """
    own = plan.pending[:many]
    if any(row.id is None for row in ledger.rows):
        places = [[n for n, row in enumerate(ledger.rows) if _is_of(row, m, plan)] for m in own]
        once = all(len(found) == 1 for found in places)
        return tuple(row for n, row in enumerate(ledger.rows) if [n] not in places) if once else None
    split = len(ledger.rows) - many
    if split < 0 or not all(_is_of(row, m, plan) for row, m in zip(ledger.rows[split:], own, strict=True)):
        return None
    return ledger.rows[:split]


def _is_of(row: LedgerRow, migration: Migration, plan: Plan) -> bool:
    """A ledger that keeps no hash has an empty one; only its own kind of name then says which row it is."""
    name = migration.name if plan.generation == 1 else None
    return (row.hash or migration.hash, row.created_at, row.name) == (migration.hash, migration.created_at, name)


class StatementRow(Model):
    """What production says of one statement."""

    segment: int
    tag: str
    index: int
    digest: str
    finished: bool
    settings: dict[str, str] = Field(default_factory=dict)  # of the session, as the plan's own statements left them


class Left(StrEnum):
    """What the catalog shows of a statement that runs outside a transaction."""

    NOTHING = "nothing"  # as if it had not run, or it may simply run again
    UNFINISHED = "unfinished"  # something that is of no use, and in the way
    DONE = "done"  # what it was to do is done
    OTHER = "other"  # something else stands under that name


class Progress(Model):
    """Where a plan stands."""

    of: int  # how many segments it has
    segments_in: int = 0  # the first so many are in, whole
    started: str = ""  # the statement outside a transaction that was begun, and nobody wrote its end, in words
    left: Left = Left.NOTHING  # what the catalog shows of that one
    doubt: str = ""  # why all of this cannot be told

    @property
    def clean(self) -> bool:
        """True when there is nothing but whole segments."""
        return not self.started or self.left is Left.NOTHING

    @property
    def sentence(self) -> str:
        """How far it got: `2 of 5 segments are in, and CREATE INDEX CONCURRENTLY a_b of 0003_x was begun`."""
        verb = "is" if self.segments_in == 1 else "are"
        begun = f", and {self.started} was begun ({LEFT[self.left]})" if self.started else ""
        return f"{self.segments_in} of {self.of} segments {verb} in{begun}"


LEFT = {
    Left.NOTHING: "nothing of it is there",
    Left.UNFINISHED: "it is there unfinished",
    Left.DONE: "it is done",
    Left.OTHER: "something else has its name",
}


def progress(plan: Plan, rows: Sequence[StatementRow], recorded: int) -> Progress:
    """How far a plan got.

    Args:
        plan: in segments.
        rows: of its release, in any order.
        recorded: how many of its migrations have their row in the ledger, from the first on.
    """
    written = {(row.tag, row.index): row for row in rows}
    done = 0
    for segment in plan.segments:
        if not _is_in(segment, written, plan.segments[:done], recorded):
            break
        done += 1
    expected = sum(len(segment.completes) for segment in plan.segments[:done])
    known = {(s.tag, s.index): s for segment in plan.segments for s in segment.statements}
    strange = [row for row in rows if (row.tag, row.index) not in known or _differs(row, known)]
    later = [row for row in rows if row.finished and row.segment > done]
    if strange or later or expected != recorded:
        return Progress(of=len(plan.segments), segments_in=done, doubt=_doubt(plan, strange, done, expected, recorded))
    started = next((words(s) for s in plan.segments[done : done + 1] if _is_begun(s, written)), "")
    return Progress(of=len(plan.segments), segments_in=done, started=started)


def words(segment: Segment) -> str:
    """A segment in a few words: `CREATE INDEX CONCURRENTLY a_b of 0003_x`, `4 statements of 0003_x and 0004_y`."""
    tags = listing([part.tag for part in segment.parts])
    if segment.alone is not None:
        return f"{segment.alone.words} {segment.alone.about}".strip() + f" of {tags}"
    return f"{count(len(segment.statements), 'statement')} of {tags}"


def _is_begun(segment: Segment, written: dict[tuple[str, int], StatementRow]) -> bool:
    return any((s.tag, s.index) in written for s in segment.statements)


def _is_in(
    segment: Segment, written: dict[tuple[str, int], StatementRow], before: tuple[Segment, ...], recorded: int
) -> bool:
    finished = all((s.tag, s.index) in written and written[s.tag, s.index].finished for s in segment.statements)
    rows = sum(len(earlier.completes) for earlier in before) + len(segment.completes)
    return finished and recorded >= rows


def _differs(row: StatementRow, known: dict[tuple[str, int], Statement]) -> bool:
    return known[row.tag, row.index].digest != row.digest


def _doubt(plan: Plan, strange: Sequence[StatementRow], done: int, expected: int, recorded: int) -> str:
    if strange:
        return f"gate.statements speaks of statement {strange[0].index + 1} of {strange[0].tag} as this plan does not"
    if expected != recorded:
        return (
            f"gate.statements says that {done} of {len(plan.segments)} segments are in, which makes {expected} ledger"
            f" rows, and the ledger holds {recorded} of this plan"
        )
    return (
        f"gate.statements speaks of segment {done + 1} or a later one as in, and the ledger and the rows before do not"
    )
