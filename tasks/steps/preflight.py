"""Step 3, preflight: every check asked, every answer shown, a failure refuses unless somebody waived it by name."""

from tasks.gate.evidence import Finding, Waiver, refusal
from tasks.gate.plan import Plan
from tasks.preflight import run_checks
from tasks.preflight.question import Question
from tasks.release import Release
from tasks.workshop import Workshop


def preflight(release: Release, workshop: Workshop, plan: Plan) -> tuple[Finding, ...]:
    """Ask the checklist; safe to run twice, because checks only read.

    Raises:
        Refused: a check failed and was not waived.
    """
    recorded = release.record.last("checked")
    if recorded is not None:
        findings = tuple(Finding.model_validate(f) for f in recorded.body["findings"])
    else:
        opened = release.record.last("opened")
        waivers = [Waiver.model_validate(w) for w in opened.body["waivers"]] if opened else []
        with Question.about(release, workshop, plan) as question:
            findings = run_checks(question, waivers)
        release.record.append("checked", {"findings": [f.model_dump(mode="json") for f in findings]})
    if (refused := refusal(findings)) is not None:
        raise refused
    return findings
