"""What a pull request shows of the migrations it adds: one comment, and a mark at each line that needs an eye."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.gate.model import sha256
from tasks.gate.places import place_in
from tasks.gate.plan import Plan
from tasks.gate.report_markdown import escape, plan_markdown
from tasks.gate.wording import count


class Mark(NamedTuple):
    """A sentence beside a line of a file."""

    level: str  # "error" refuses the release, "warning" is for the reviewer
    file: str  # below the migrations folder; empty when the sentence is about no file
    line: int
    sentence: str


def marks(plan: Plan) -> tuple[Mark, ...]:
    """Every problem and hazard, at the place that it names."""
    files = {m.tag: m.file for m in plan.pending}
    found = []
    for problem in plan.problems:
        at = place_in(problem.cause, list(files.values())) or (files.get(problem.tag or "", ""), 1)
        found.append(Mark("error", *at, f"{problem.cause}; {problem.remedy}" if problem.remedy else problem.cause))
    for hazard in plan.hazards:
        at = place_in(hazard, list(files.values())) or ("", 1)
        found.append(Mark("warning", *at, hazard))
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


def comment(plan: Plan, base: str) -> str:
    """The whole comment, as Markdown."""
    sign = "❌" if plan.problems else "⚠️" if plan.hazards else "✅"
    head = f"### {sign} Migrations for {escape(plan.target)}\n\n{escape(verdict(plan, base))}\n"
    note = "*No database was asked. Locks, durations and the way back are measured before the release, on a copy.*"
    return f"{head}\n{plan_markdown(plan)}\n\n{note}\n" if plan.pending or plan.problems else head


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
