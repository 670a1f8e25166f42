"""The evidence of a release, compiled from its record alone, in four forms: terminal, Markdown, HTML page, JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.gate import wording
from tasks.gate.chain import Event
from tasks.gate.manifest import Manifest
from tasks.gate.report_approval import approval_section
from tasks.gate.report_blocks import Cell, Page, Pairs, Section, Tone, pairs
from tasks.gate.report_ending import production_section, record_section, recovery_section
from tasks.gate.report_html import html
from tasks.gate.report_json import document
from tasks.gate.report_markdown import markdown
from tasks.gate.report_plan import checks_section, plan_section
from tasks.gate.report_proof import backup_section, by_hand_section
from tasks.gate.report_reading import Reading, reading
from tasks.gate.report_rehearsal import rehearsal_section, rollback_section
from tasks.gate.report_steps import steps
from tasks.gate.report_text import text
from tasks.gate.story import Story

OUTCOMES: dict[str, tuple[str, Tone]] = {
    "released": ("released", Tone.GOOD),
    "rolled-back": ("rolled back", Tone.GOOD),
    "repaired": ("repaired", Tone.GOOD),
    "nothing-pending": ("nothing pending", Tone.GOOD),
    "refused": ("refused", Tone.WARN),
    "rejected": ("rejected", Tone.WARN),
    "expired": ("expired", Tone.WARN),
    "interrupted": ("interrupted", Tone.WARN),
    "recovered": ("failed and recovered", Tone.WARN),
    "not-recovered": ("not recovered", Tone.BAD),
}


@dataclass(frozen=True)
class Report:
    """A compiled report; every form is a pure function of the same page."""

    page: Page
    document: dict[str, Any]  # what `--json` prints, see `tasks.gate.report_json`

    def text(self, *, width: int = 110) -> str:
        """Plain lines for a terminal of `width` columns."""
        return "\n".join(text(self.page, width=width)) + "\n"

    def markdown(self) -> str:
        """One Markdown document."""
        return markdown(self.page)

    def html(self) -> str:
        """One self-contained page, without script and without anything to load."""
        return html(self.page)


def compile_report(
    release: str,
    target: str,
    events: Sequence[Event],
    story: Story,
    *,
    manifest: Manifest | None = None,
    chain_problems: Sequence[str] | None = None,
) -> Report:
    """Everything known about a release, ready to be shown.

    Args:
        release: its id.
        target: the name of the database.
        events: its record.
        story: the record folded into state, sentence and next command.
        manifest: of the newest backup, where the store still has it; the report says more with it.
        chain_problems: what `verify_chain` found; None when nobody looked.
    """
    read = reading(release, target, events)
    page = _page(read, story, manifest, chain_problems)
    return Report(page, document(read, story, page.steps, chain_problems))


def _page(read: Reading, story: Story, manifest: Manifest | None, problems: Sequence[str] | None) -> Page:
    ended = read.text("closed", "outcome") or ("not-recovered" if read.has("not_recovered") else "")
    words, tone = OUTCOMES.get(ended, (ended or story.state, Tone.WARN if ended else Tone.WAIT))
    return Page(
        title=f"Release {read.release}",
        outcome=words,
        tone=tone,
        sentence=wording.sentence(_unprefixed(read.text("closed", "sentence") or story.sentence, words)),
        hint=wording.sentence(_hint(read)),
        next="" if read.has("closed") else story.next,
        top=_top(read),
        steps=steps(read),
        sections=tuple(_sections(read, manifest, problems)),
        footer=f"Read from the release record of {read.target} and nothing else. gate report {read.release}",
    )


def _unprefixed(sentence: str, outcome: str) -> str:
    """A sentence without the `failed: ` that the outcome beside it says already."""
    return sentence.removeprefix("failed: ") if outcome.startswith(("failed", "not recovered")) else sentence


def _hint(read: Reading) -> str:
    """What to do about a release that did not go through."""
    if read.has("recovered", "verified"):
        return ""
    return read.text("refused", "hint") or read.text("failed", "hint")


def _top(read: Reading) -> Pairs:
    opened, closed, identity = read.last("opened"), read.last("closed"), read.identity
    waivers = [f"{w.check} by {w.by}: {w.reason}" for w in read.waivers]
    took = wording.between(opened.at, closed.at) if opened and closed else None
    sent = (opened.body.get("bundle") if opened else None) or {}
    return pairs(
        ("target", read.target),
        ("database", f"{identity.database}, PostgreSQL {identity.server_version}" if identity else None),
        ("cluster", Cell(identity.system_identifier, code=True) if identity else None),
        ("started by", _with(read.text("opened", "by"), read.text("opened", "door"))),
        ("on", read.text("opened", "host")),
        ("commit", Cell(str(sent["commit"]), code=True) if sent.get("commit") else None),
        ("files", Cell(f"sha256:{sent['digest']}", code=True) if sent.get("digest") else None),
        ("opened", wording.moment(opened.at) if opened else None),
        ("closed", wording.moment(closed.at) if closed else None),
        ("took", wording.duration(took) if took is not None else None),
        ("waived", wording.listing(waivers) if waivers else None),
    )


def _with(who: str, door: str) -> str:
    return f"{who} ({door})" if who and door else who


def _sections(read: Reading, manifest: Manifest | None, problems: Sequence[str] | None) -> list[Section]:
    plan, rehearsal = read.plan, read.rehearsal
    parts = [
        recovery_section(read),
        plan_section(plan) if plan else None,
        checks_section(read.findings) if read.findings else None,
        backup_section(read, manifest),
        rehearsal_section(rehearsal, _production_seconds(read), plan.effects if plan else ()) if rehearsal else None,
        rollback_section(rehearsal.rollback) if rehearsal else None,
        approval_section(read),
        production_section(read),
        by_hand_section(read, manifest),
        record_section(read, problems),
    ]
    return [part for part in parts if part is not None]


def _production_seconds(read: Reading) -> dict[tuple[str, int], float]:
    """Seconds that each statement took in production, by tag and index."""
    applied = read.applied
    return {(s.tag, s.index): s.seconds for s in applied.statements} if applied else {}
