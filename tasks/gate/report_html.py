"""The report as one HTML page: nothing to load, nothing to run, readable on a phone and in the dark."""

from collections.abc import Iterator
from html import escape as escape_html

from tasks.gate import wording
from tasks.gate.report_blocks import MARKS, Block, Cell, Code, Fold, Lines, Page, Pairs, Section, Step, Table, Tone
from tasks.gate.report_style import ICON, STYLE
from tasks.gate.report_text import clean, left_out

ROWS = 1000
CODE_LINES = 2000
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
WAIT_SHARE = 8.0  # percent of the bar for a time in which only a person was awaited, however long it was
NO_WAIT = 1.0  # seconds; whoever decides at once was not waited for
LONG = 44  # characters; a longer value gets a row of its own
LEAST_SHARE = 0.6  # percent; shorter steps could not be seen


def html(page: Page) -> str:
    """A complete document. Everything that came from outside is escaped; there is no script and no link outside."""
    return "\n".join(_document(page)) + "\n"


def _document(page: Page) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
    yield f'<title>{_text(page.title)}: {_text(page.outcome)}</title><link rel="icon" href="{ICON}">'
    yield f"<style>{STYLE}</style></head><body><main>"
    yield from _hero(page)
    yield from _checklist(page.steps)
    yield from _contents(page.sections)
    for section in page.sections:
        yield from _section(section)
    yield f"<footer>{_text(page.footer)}</footer></main></body></html>"


def _hero(page: Page) -> Iterator[str]:
    yield f'<header class="hero {page.tone}"><p class="brand">Gate · release report</p>'
    yield f"<h1>{_text(page.title)}</h1>"
    yield f'<p class="outcome"><span class="pill {page.tone}">{_text(page.outcome)}</span></p>'
    yield f'<p class="said">{_text(page.sentence)}</p>'
    if page.hint:
        yield f'<p class="hint">{_text(page.hint)}</p>'
    if page.next:
        yield f'<p class="next">Next: <code>{_text(page.next)}</code></p>'
    yield from _pairs(page.top)
    yield "</header>"


def _checklist(steps: tuple[Step, ...]) -> Iterator[str]:
    if not steps:
        return
    yield '<section class="checklist" id="checklist"><h2>The checklist</h2>'
    yield from _timeline(steps)
    yield "<ol>"
    for step in steps:
        took = "" if step.seconds is None else wording.duration(step.seconds)
        mark = f'<span class="mark {step.tone}" aria-hidden="true">{MARKS[step.tone]}</span>'
        said = f"<b>{_text(step.title)}</b><time>{took}</time><span>{_text(step.sentence)}</span>"
        yield f'<li class="{step.tone}">{mark}{said}</li>'
    yield "</ol></section>"


def _timeline(steps: tuple[Step, ...]) -> Iterator[str]:
    timed = [step for step in steps if step.seconds and not (step.waiting and step.seconds < NO_WAIT)]
    worked = sum(step.seconds or 0.0 for step in timed if not step.waiting)
    if worked <= 0:
        return
    room = 100.0 - WAIT_SHARE * sum(step.waiting for step in timed)
    shares = [WAIT_SHARE if step.waiting else max(LEAST_SHARE, room * (step.seconds or 0.0) / worked) for step in timed]
    scale = 100.0 / sum(shares)
    yield '<div class="bar" role="img" aria-label="how long each step took">'
    for step, share in zip(timed, shares, strict=True):
        took = wording.duration(step.seconds or 0.0)
        label = f"{step.title}: {took}" + (", not to scale" if step.waiting else "")
        kind = f"{step.tone} waiting" if step.waiting else f"{step.tone}"
        name = f"<span>{_text(step.title)}</span>" if share * scale > 9 else ""  # noqa: PLR2004 - narrower holds no word
        yield f'<i class="{kind}" style="width:{share * scale:.2f}%" title="{_text(label)}">{name}</i>'
    yield "</div>"
    waited = sum(step.seconds or 0.0 for step in timed if step.waiting)
    pause = f"; {wording.duration(waited)} of waiting for a decision, hatched and not to scale" if waited else ""
    yield f'<p class="scale">{wording.duration(worked)} of work, to scale{pause}</p>'


def _contents(sections: tuple[Section, ...]) -> Iterator[str]:
    links = " ".join(f'<a href="#{section.key}">{_text(section.title)}</a>' for section in sections)
    yield f'<nav aria-label="parts of this report">{links}</nav>'


def _section(section: Section) -> Iterator[str]:
    mark = (
        ""
        if section.tone is Tone.PLAIN
        else f'<span class="mark {section.tone}" aria-hidden="true">{MARKS[section.tone]}</span>'
    )
    yield f'<section id="{section.key}"><h2>{_text(section.title)}{mark}</h2>'
    if section.sentence:
        yield f'<p class="lead">{_text(section.sentence)}</p>'
    for block in section.blocks:
        yield from _block(block)
    yield "</section>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Pairs):
        yield from _pairs(block)
    elif isinstance(block, Lines):
        yield from _lines(block)
    elif isinstance(block, Code):
        yield from _code(block)
    elif isinstance(block, Fold):
        yield f"<details{' open' if block.open else ''}><summary>{_text(block.summary)}</summary>"
        yield from _lines(block.block) if isinstance(block.block, Lines) else _code(block.block)
        yield "</details>"


def _pairs(block: Pairs) -> Iterator[str]:
    yield "<dl>"
    for name, cell in block.rows:
        kind = ' class="long"' if len(cell.text) > LONG else ""
        yield f"<div{kind}><dt>{_text(name)}</dt><dd>{_cell(cell)}</dd></div>"
    yield "</dl>"


def _lines(block: Lines) -> Iterator[str]:
    yield f'<ul class="{block.tone}">'
    for line in block.lines[:ROWS]:
        yield f"<li>{_text(line)}</li>"
    if len(block.lines) > ROWS:
        yield f"<li>{left_out(len(block.lines) - ROWS, block.noun)}</li>"
    yield "</ul>"


def _code(block: Code) -> Iterator[str]:
    lines = block.text.strip("\n").splitlines()
    title = f"<figcaption>{_text(block.title)}</figcaption>" if block.title else ""
    shown = "\n".join(_line(line, block.language) for line in lines[:CODE_LINES])
    yield f"<figure>{title}<pre><code>{shown}</code></pre>"
    if len(lines) > CODE_LINES:
        yield f"<p>{left_out(len(lines) - CODE_LINES, 'line')}</p>"
    yield "</figure>"


def _line(line: str, language: str) -> str:
    shown = _text(line.expandtabs(4))
    if language == "diff" and line[:1] in "+-":
        return f'<span class="{"plus" if line[0] == "+" else "minus"}">{shown}</span>'
    if language == "sql" and line.lstrip().startswith("--"):
        return f'<span class="remark">{shown}</span>'
    return shown


def _table(table: Table) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th{_side(i, table)}>{_text(head)}</th>" for i, head in enumerate(table.head))
    yield "</tr></thead><tbody>"
    for row in table.rows[:ROWS]:
        yield "<tr>" + "".join(f"<td{_side(i, table)}>{_cell(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
    yield "</tbody></table></div>"
    if len(table.rows) > ROWS:
        yield f"<p>{left_out(len(table.rows) - ROWS, table.noun)}</p>"


def _side(column: int, table: Table) -> str:
    return ' class="figure"' if column in table.right else ""


def _cell(cell: Cell) -> str:
    shown = f"<code>{_text(cell.text)}</code>" if cell.code and cell.text else _text(cell.text)
    return shown if cell.tone is Tone.PLAIN else f'<span class="pill {cell.tone}">{shown}</span>'


def _text(value: str) -> str:
    return escape_html(clean(value), quote=True)
