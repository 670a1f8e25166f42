"""What a pull request shows of the migrations it adds: one comment, and a mark at each line that needs an eye."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.gate.model import sha256
from tasks.gate.places import place_in
from tasks.gate.plan import Plan
from tasks.gate.report_blocks import Tone
from tasks.gate.report_markdown import PLACES, escape, plan_markdown, section_markdown
from tasks.gate.report_rehearsal import rehearsal_section, rollback_section
from tasks.gate.shortening import shortened
from tasks.gate.tried import Tried
from tasks.gate.wording import count, sentence

ROOM = 64_500  # characters of a comment; GitHub takes 65,536, the marker included


class Mark(NamedTuple):
    """A sentence beside a line of a file."""

    level: str  # "error" refuses the release, "warning" is for the reviewer
    file: str  # below the migrations folder; empty when the sentence is about no file
    line: int
    sentence: str


def marks(plan: Plan, tried: Tried | None = None) -> tuple[Mark, ...]:
    """Every problem and hazard, and the statement that failed in the rehearsal, at the place that it names."""
    files = {m.tag: m.file for m in plan.pending}
    found = []
    for problem in plan.problems:
        at = place_in(problem.cause, list(files.values())) or (files.get(problem.tag or "", ""), 1)
        found.append(Mark("error", *at, f"{problem.cause}; {problem.remedy}" if problem.remedy else problem.cause))
    for hazard in plan.hazards:
        at = place_in(hazard, list(files.values())) or ("", 1)
        found.append(Mark("warning", *at, hazard))
    if tried is not None and tried.failure:
        at = (files.get(tried.tag or "", ""), tried.line or 1)
        found.append(Mark("error", *at, f"{tried.failure}; {tried.hint}" if tried.hint else tried.failure))
    elif tried is not None and not tried.clean:
        found.append(Mark("warning", "", 1, tried.sentence))
    return tuple(found)


def verdict(plan: Plan, base: str) -> str:
    """The plan in one sentence."""
    new = count(len(plan.pending), "migration")
    if plan.problems:
        return f"{count(len(plan.problems), 'problem')} would refuse this release: {plan.problems[0].cause}"
    if not plan.pending:
        return f"no migration is new, compared with {base}"
    hazards = f", {count(len(plan.hazards), 'hazard')}" if plan.hazards else ""
    return f"{new} new, compared with {base}{hazards}"


def marker(target: str) -> str:
    """By which our comment is found again."""
    return f"<!-- gate: {target} -->"


def comment(plan: Plan, base: str, tried: Tried | None = None, *, room: int = ROOM) -> str:
    """The whole comment, as Markdown.

    Args:
        plan: what the branch adds.
        base: the commit that it is compared with.
        tried: its rehearsal; None when none was asked for.
        room: characters that it may have. Where that is not enough the plan is cut first, and each cut says so.
    """
    head = f"### {_sign(plan, tried)} Migrations for {escape(plan.target)}\n\n{escape(verdict(plan, base))}\n"
    if not plan.pending and not plan.problems:
        return head
    if tried is not None:
        head += f"\n{escape(sentence(tried.sentence))}\n"
        head += f"\n**{escape(tried.worth)}**\n" if tried.worth else ""
        head += "".join(f"\n*{escape(sentence(note))}*\n" for note in tried.notes)
    shown, found = plan_markdown(plan), _rehearsal(plan, tried)
    left = room - len(head) - 4  # the line breaks between the three
    if len(shown) + len(found) > left:
        shown = shortened(shown, max(left // 2, left - len(found)))
        found = shortened(found, left - len(shown))
    return f"{head}\n{shown}\n\n{found}\n"


def _sign(plan: Plan, tried: Tried | None) -> str:
    if plan.problems or (tried is not None and tried.failure):
        return PLACES[Tone.BAD]
    return PLACES[Tone.WARN if plan.hazards or (tried is not None and not tried.clean) else Tone.GOOD]


def _rehearsal(plan: Plan, tried: Tried | None) -> str:
    if tried is None:
        why = "A release that is refused is not rehearsed. " if plan.problems else ""
        return f"*No database was asked. {why}Locks, durations and the way back are measured later, on a copy.*"
    if tried.rehearsal is None:
        failed = f"{PLACES[Tone.BAD]} {escape(sentence(tried.failure))}"
        return "\n\n".join(["## Rehearsal", failed, escape(sentence(tried.hint))]).rstrip()
    section = rehearsal_section(tried.rehearsal, None, plan.effects, tried.place)
    return f"{section_markdown(section)}\n\n{section_markdown(rollback_section(tried.rehearsal.rollback))}"


def code_quality(found: Sequence[Mark], folder: str) -> list[dict[str, object]]:
    """The marks as GitLab's code quality report has them, which shows them in the merge request.

    https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    """
    return [
        {
            "description": mark.sentence,
            "check_name": "gate",
            "fingerprint": sha256(f"{mark.file}:{mark.line}:{mark.sentence}".encode()),
            "severity": "blocker" if mark.level == "error" else "major",
            "location": {"path": f"{folder}/{mark.file}" if mark.file else folder, "lines": {"begin": mark.line}},
        }
        for mark in found
    ]
