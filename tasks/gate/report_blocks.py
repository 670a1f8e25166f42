"""What a report consists of before it has a form: sections of tables, pairs, lines and texts."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How something ended, for colours and marks; a renderer without colours loses nothing."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"  # skipped, not configured, not reached
    WAIT = "wait"


MARKS = {Tone.PLAIN: " ", Tone.GOOD: "✓", Tone.WARN: "!", Tone.BAD: "✗", Tone.QUIET: "-", Tone.WAIT: "…"}


@dataclass(frozen=True)
class Cell:
    """One value of a table or pair."""

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False  # a name or a piece of SQL: set in a fixed width


@dataclass(frozen=True)
class Table:
    """Rows under a heading; `noun` says what a row is when some are left out."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    noun: str = "row"
    right: frozenset[int] = frozenset()  # columns of figures


@dataclass(frozen=True)
class Pairs:
    """Names and their values."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Lines:
    """Sentences, one a line."""

    lines: tuple[str, ...]
    noun: str = "line"
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Code:
    """A text that is shown as it is: SQL, a diff, commands."""

    text: str
    language: str = ""
    title: str = ""


@dataclass(frozen=True)
class Fold:
    """A text that is there for whoever wants to look."""

    summary: str
    block: Code | Lines
    open: bool = False  # shown unfolded where folding is possible
    detail: bool = False  # left to the page and to Markdown; a terminal does not show it


Block = Table | Pairs | Lines | Code | Fold


@dataclass(frozen=True)
class Section:
    """One part of the report."""

    key: str  # stable, for anchors
    title: str
    sentence: str  # what it shows, in one sentence
    tone: Tone = Tone.PLAIN
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Step:
    """One line of the checklist."""

    key: str
    title: str
    tone: Tone
    sentence: str
    seconds: float | None  # None when it was not reached or did not end
    waiting: bool = False  # time in which only a person was awaited


@dataclass(frozen=True)
class Page:
    """A whole report, ready to be rendered."""

    title: str
    outcome: str  # one or two words
    tone: Tone
    sentence: str
    hint: str  # what to do about it, in words; may be empty
    next: str  # the one command that comes next; may be empty
    top: Pairs  # release, target, identity, who, when
    steps: tuple[Step, ...]
    sections: tuple[Section, ...]
    footer: str


def cells(*texts: str) -> tuple[Cell, ...]:
    """A row of plain cells."""
    return tuple(Cell(text) for text in texts)


def pairs(*rows: tuple[str, str | Cell | None]) -> Pairs:
    """Pairs without the empty ones."""
    kept = [(name, value if isinstance(value, Cell) else Cell(value)) for name, value in rows if value]
    return Pairs(tuple((name, cell) for name, cell in kept if cell.text))
