"""Sections as plain terminal lines: columns aligned, nothing wider than the screen, nothing cut without a word."""

import unicodedata
from collections.abc import Iterator, Sequence

from tasks.gate import wording
from tasks.gate.evidence import Finding
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.report_blocks import MARKS, Block, Cell, Code, Fold, Lines, Page, Pairs, Section, Step, Table, Tone
from tasks.gate.report_plan import checks_section, plan_section
from tasks.gate.report_rehearsal import rehearsal_section, rollback_section

WIDTH = 110
ROWS = 30  # every check of the checklist has its row
CODE_LINES = 12
WHOLE = "`--json` has them"  # this may be the report itself, or `gate check`, of which there is none
INDENT = "  "
GAP = "  "
SMALLEST = 8  # a column is not squeezed below this
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def text(page: Page, *, width: int = WIDTH, rows: int = ROWS) -> tuple[str, ...]:
    """The report as lines for a terminal, without colours and without trailing spaces."""
    lines = [clean(page.title), "=" * min(width, seen(clean(page.title))), ""]
    lines += wrap(f"{MARKS[page.tone]} {page.outcome}: {clean(page.sentence)}".strip(), width)
    lines += wrap(f"HINT: {clean(page.hint)}", width) if page.hint else []
    if page.next:
        lines += [f"next: {clean(page.next)}"]
    lines += ["", *_pairs(page.top, width), "", *steps_text(page.steps, width=width)]
    for section in page.sections:
        lines += ["", *section_text(section, width=width, rows=rows)]
    lines += ["", *wrap(clean(page.footer), width)]
    return tuple(line.rstrip() for line in lines)


def section_text(section: Section, *, width: int = WIDTH, rows: int = ROWS) -> tuple[str, ...]:
    """One section as lines."""
    head = clean(section.title)
    lines = [head, "-" * seen(head)]
    if section.sentence:
        lines += list(wrap(clean(section.sentence), width))
    for block in section.blocks:
        shown = list(_block(block, width, rows))
        lines += ["", *shown] if shown else []
    return tuple(line.rstrip() for line in lines)


def plan_lines(plan: Plan, *, width: int = WIDTH) -> tuple[str, ...]:
    """The plan for a terminal."""
    return section_text(plan_section(plan), width=width)


def checks_lines(findings: Sequence[Finding], *, width: int = WIDTH) -> tuple[str, ...]:
    """The checks table for a terminal; the evidence of what did not pass below it."""
    return section_text(checks_section(findings), width=width)


def rehearsal_lines(rehearsal: Rehearsal, *, width: int = WIDTH) -> tuple[str, ...]:
    """The rehearsal and the way back for a terminal."""
    sections = (rehearsal_section(rehearsal), rollback_section(rehearsal.rollback))
    return tuple(line for section in sections for line in (*section_text(section, width=width), ""))[:-1]


def steps_text(steps: tuple[Step, ...], *, width: int = WIDTH) -> tuple[str, ...]:
    """The checklist: mark, title, duration, sentence."""
    titles = max((seen(step.title) for step in steps), default=0)
    lines = []
    for step in steps:
        took = "" if step.seconds is None else wording.duration(step.seconds)
        head = f"{INDENT}{MARKS[step.tone]} {pad(step.title, titles)}{GAP}{took:>11}{GAP}"
        first, *rest = list(wrap(clean(step.sentence), max(SMALLEST * 3, width - seen(head)))) or [""]
        lines += [head + first, *(" " * seen(head) + line for line in rest)]
    return tuple(line.rstrip() for line in lines)


def _block(block: Block, width: int, rows: int) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block, width, rows)
    elif isinstance(block, Pairs):
        yield from _pairs(block, width)
    elif isinstance(block, Lines):
        yield from _lines(block, width, rows)
    elif isinstance(block, Code):
        yield from _code(block, CODE_LINES)
    elif isinstance(block, Fold) and not block.detail:
        yield INDENT + clean(block.summary) + ":"
        yield from (
            _lines(block.block, width, rows) if isinstance(block.block, Lines) else _code(block.block, CODE_LINES)
        )


def _pairs(block: Pairs, width: int) -> Iterator[str]:
    names = max((seen(name) for name, _ in block.rows), default=0)
    for name, cell in block.rows:
        head = f"{INDENT}{pad(name, names)}{GAP}"
        first, *rest = list(wrap(_cell(cell), max(SMALLEST * 3, width - seen(head)))) or [""]
        yield head + first
        yield from (" " * seen(head) + line for line in rest)


def _lines(block: Lines, width: int, rows: int) -> Iterator[str]:
    for line in block.lines[:rows]:
        first, *rest = list(wrap(clean(line), width - 4)) or [""]
        yield f"{INDENT}- {first}"
        yield from (f"{INDENT}  {more}" for more in rest)
    if len(block.lines) > rows:
        yield f"{INDENT}  {left_out(len(block.lines) - rows, block.noun, WHOLE)}"


def _code(block: Code, most: int) -> Iterator[str]:
    lines = block.text.strip("\n").splitlines()
    if block.title:
        yield INDENT + clean(block.title)
    for line in lines[:most]:
        yield INDENT + "| " + clean(line.expandtabs(4))
    if len(lines) > most:
        yield f"{INDENT}| {left_out(len(lines) - most, 'line', WHOLE)}"


def _table(table: Table, width: int, most: int) -> Iterator[str]:
    shown = [[_cell(cell) for cell in row] for row in table.rows[:most]]
    heads = [clean(head) for head in table.head]
    widths = _widths([heads, *shown], width - seen(INDENT))
    for row in (heads, *shown):
        folded = [list(wrap(value, widths[i])) or [""] for i, value in enumerate(row)]
        for line in range(max(len(column) for column in folded)):
            values = [column[line] if line < len(column) else "" for column in folded]
            yield INDENT + GAP.join(_aligned(v, widths[i], right=i in table.right) for i, v in enumerate(values))
    if len(table.rows) > most:
        yield INDENT + left_out(len(table.rows) - most, table.noun, WHOLE)


def left_out(number: int, noun: str, where: str = "see the report") -> str:
    """What stands in the place of something that was cut, and where it is whole."""
    return f"… {wording.number(number)} more {noun if number == 1 else wording.plural(noun)}, {where}"


def _cell(cell: Cell) -> str:
    mark = "" if cell.tone in (Tone.PLAIN, Tone.QUIET) else f"{MARKS[cell.tone]} "
    return mark + clean(cell.text)


def _widths(rows: list[list[str]], width: int) -> list[int]:
    """Column widths that fit: the widest column gives way first."""
    widths = [max(seen(row[i]) for row in rows) for i in range(len(rows[0]))]
    room = width - len(GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > SMALLEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _aligned(value: str, width: int, *, right: bool) -> str:
    return " " * max(0, width - seen(value)) + value if right else pad(value, width)


def seen(value: str) -> int:
    """Columns that a text takes on a terminal: wide characters two, combining ones none."""
    if value.isascii():
        return len(value)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


def pad(value: str, width: int) -> str:
    """A text filled up to a width."""
    return value + " " * max(0, width - seen(value))


def clean(value: str) -> str:
    """One line without control characters: what a database or a person named must not steer a terminal."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(" " if c in "\n\t\r" else "�" if unicodedata.category(c) in UNSEEN else c for c in value)


def wrap(value: str, width: int) -> Iterator[str]:
    """A text in lines of at most `width` columns, broken at spaces where there are any."""
    line = ""
    for word in value.split():
        rest = word
        if line and seen(line) + 1 + seen(rest) > width:
            yield line
            line = ""
        while seen(rest) > width:
            head = rest[: max(1, width // 2)] if not rest.isascii() else rest[:width]
            yield head
            rest = rest[len(head) :]
        line = f"{line} {rest}" if line else rest
    if line:
        yield line
