"""One question and its answer: what a preflight check found."""

from enum import StrEnum

from tasks.gate.model import Model


class Verdict(StrEnum):
    """How a check ended; only FAIL refuses."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    WAIVED = "waived"
    NOT_CONFIGURED = "not configured"


class Waiver(Model):
    """A failed check that a named person lets pass, with the reason that the approver will read."""

    check: str
    reason: str
    by: str


class Finding(Model):
    """The answer of one check, in one sentence, with what it saw."""

    check: str  # the check's name, as `--waive` takes it
    title: str  # the line of the checklist
    verdict: Verdict
    sentence: str
    evidence: tuple[str, ...] = ()  # lines: a diff, names, figures, a command's output
    hint: str = ""
    seconds: float = 0.0
    waiver: Waiver | None = None
