"""Sections as Markdown: for pull requests, for Prefect's artifacts, for a chat that shows Markdown."""

from collections.abc import Iterator, Sequence

from tasks.gate import wording
from tasks.gate.evidence import Finding
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.report_blocks import MARKS, Block, Cell, Code, Fold, Lines, Page, Pairs, Section, Step, Table, Tone
from tasks.gate.report_plan import checks_section, plan_section
from tasks.gate.report_proof import proof_section
from tasks.gate.report_rehearsal import rehearsal_section, rollback_section
from tasks.gate.report_text import clean, left_out

ROWS = 100
CODE_LINES = 200
SPECIAL = frozenset("\\`*_[]<>|#~!&@")
PLACES = {Tone.GOOD: "✅", Tone.WARN: "⚠️", Tone.BAD: "❌", Tone.QUIET: "-", Tone.WAIT: "⏳", Tone.PLAIN: ""}


def markdown(page: Page, *, rows: int = ROWS) -> str:
    """The whole report as one Markdown document."""
    parts = [
        f"# {escape(page.title)}",
        f"{PLACES[page.tone]} **{escape(page.outcome)}**: {escape(page.sentence)}".strip(),
    ]
    if page.hint:
        parts.append(escape(page.hint))
    if page.next:
        parts.append(f"Next: {code(page.next)}")
    parts += ["\n".join(_pairs(page.top)), "\n".join(steps_markdown(page.steps))]
    parts += [section_markdown(section, level=2, rows=rows) for section in page.sections]
    parts.append(f"*{escape(page.footer)}*")
    return "\n\n".join(parts) + "\n"


def section_markdown(section: Section, *, level: int = 2, rows: int = ROWS) -> str:
    """One section, with its heading."""
    parts = [f"{'#' * level} {escape(section.title)}"]
    if section.sentence:
        parts.append(escape(section.sentence))
    parts += ["\n".join(_block(block, rows)) for block in section.blocks]
    return "\n\n".join(parts)


def steps_markdown(steps: tuple[Step, ...]) -> Iterator[str]:
    """The checklist as a table."""
    yield "| | Step | Result | Time |"
    yield "|---|---|---|---:|"
    for step in steps:
        took = "" if step.seconds is None else wording.duration(step.seconds)
        yield f"| {PLACES[step.tone] or MARKS[step.tone]} | {escape(step.title)} | {escape(step.sentence)} | {took} |"


def _block(block: Block, rows: int) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block, rows)
    elif isinstance(block, Pairs):
        yield from _pairs(block)
    elif isinstance(block, Lines):
        yield from _lines(block, rows)
    elif isinstance(block, Code):
        yield from _code(block)
    elif isinstance(block, Fold):
        yield f"<details><summary>{inside_html(block.summary)}</summary>"
        yield ""
        yield from _lines(block.block, rows) if isinstance(block.block, Lines) else _code(block.block)
        yield ""
        yield "</details>"


def _pairs(block: Pairs) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for name, cell in block.rows:
        yield f"| {escape(name)} | {_cell(cell)} |"


def _lines(block: Lines, rows: int) -> Iterator[str]:
    for line in block.lines[:rows]:
        yield f"- {escape(line)}"
    if len(block.lines) > rows:
        yield f"- {left_out(len(block.lines) - rows, block.noun)}"


def _code(block: Code) -> Iterator[str]:
    if block.title:
        yield f"{escape(block.title)}"
        yield ""
    lines = block.text.strip("\n").splitlines()
    fence = "`" * max(3, _longest_run(block.text) + 1)
    yield f"{fence}{block.language}"
    yield from (clean(line.expandtabs(4)) for line in lines[:CODE_LINES])
    yield fence
    if len(lines) > CODE_LINES:
        yield ""
        yield left_out(len(lines) - CODE_LINES, "line")


def _table(table: Table, rows: int) -> Iterator[str]:
    yield "| " + " | ".join(escape(head) for head in table.head) + " |"
    yield "|" + "|".join("---:" if i in table.right else "---" for i in range(len(table.head))) + "|"
    for row in table.rows[:rows]:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    if len(table.rows) > rows:
        yield ""
        yield left_out(len(table.rows) - rows, table.noun)


def _cell(cell: Cell) -> str:
    shown = code(cell.text) if cell.code and cell.text else escape(cell.text)
    return f"{PLACES[cell.tone]} {shown}".strip()


def escape(value: str) -> str:
    """A text that Markdown shows as it is, on one line: no links, no mentions, no HTML, no table breaks."""
    return "".join(f"&#{ord(c)};" if c in "<>&|@" else f"\\{c}" if c in SPECIAL else c for c in clean(value))


def inside_html(value: str) -> str:
    """The same between HTML tags, where Markdown is not read and a backslash would be shown."""
    return "".join(f"&#{ord(c)};" if c in SPECIAL or c in "<>&|@" else c for c in clean(value))


def code(value: str) -> str:
    """A name or a command in a fixed width; inside a table even a bar and a backquote stay what they are."""
    value = clean(value)
    if "|" in value or "`" in value:
        escaped = "".join(f"&#{ord(c)};" if c in SPECIAL else c for c in value)
        return f"<code>{escaped}</code>"
    return f"`{value}`"


def _longest_run(value: str) -> int:
    longest = run = 0
    for character in value:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def plan_markdown(plan: Plan) -> str:
    """The plan, as an artifact."""
    return section_markdown(plan_section(plan))


def checks_markdown(findings: Sequence[Finding]) -> str:
    """The checks table, as an artifact."""
    return section_markdown(checks_section(findings))


def proof_markdown(proof: Proof, manifest: Manifest | None = None) -> str:
    """The backup's proof, as an artifact."""
    return section_markdown(proof_section(proof, manifest))


def rehearsal_markdown(rehearsal: Rehearsal) -> str:
    """The rehearsal and the way back, as an artifact."""
    return (
        f"{section_markdown(rehearsal_section(rehearsal))}\n\n{section_markdown(rollback_section(rehearsal.rollback))}"
    )
