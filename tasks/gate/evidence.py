"""One question and its answer: what a preflight check found, and which failures somebody let pass."""

import difflib
from collections.abc import Sequence
from enum import StrEnum

from config.policy import Checks, Policy
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.model import Model
from tasks.gate.wording import count

BY_POLICY = "gate.toml"


class Verdict(StrEnum):
    """How a check ended; only FAIL refuses."""

    PASS = "pass"  # noqa: S105  (not a password)
    WARN = "warn"
    FAIL = "fail"
    WAIVED = "waived"
    NOT_CONFIGURED = "not configured"


MARKS = {
    Verdict.PASS: "✓",
    Verdict.WARN: "!",
    Verdict.FAIL: "✗",
    Verdict.WAIVED: "~",
    Verdict.NOT_CONFIGURED: "·",
}


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


def require_waivable(names: Sequence[str], waivers: Sequence[Waiver], checks: Checks) -> None:
    """Refuse a waiver that cannot count, before anything is asked.

    Args:
        names: every check that will run, the team's own commands included.
        waivers: what persons asked for with `--waive`.
        checks: the `[checks]` table of gate.toml.

    Raises:
        ConfigurationError: no such check, a waiver that policy forbids, or one without a name or a reason.
    """
    for name in checks.waivable or ():
        _require_known(name, names, "gate.toml lists {} in checks.waivable")
    for name, reason in checks.waived.items():
        _require_known(name, names, "gate.toml waives {}")
        if not reason.strip():
            raise ConfigurationError(
                f"gate.toml waives {name} without a reason", hint=f'write checks.waived.{name} = "why it may pass"'
            )
    for waiver in waivers:
        _require_known(waiver.check, names, "--waive {} was asked for")
        _require_allowed(waiver, checks)


def with_waivers(findings: Sequence[Finding], waivers: Sequence[Waiver], policy: Policy) -> tuple[Finding, ...]:
    """The findings with each waived failure marked as such; what passed stays passed.

    A person's waiver is shown rather than policy's when both exist, because it speaks of this release.

    Raises:
        ConfigurationError: as `require_waivable`.
    """
    require_waivable([f.check for f in findings], waivers, policy.checks)
    allowed = {
        name: Waiver(check=name, reason=reason, by=BY_POLICY) for name, reason in policy.checks.waived.items()
    } | {waiver.check: waiver for waiver in waivers}
    return tuple(
        f.model_copy(update={"verdict": Verdict.WAIVED, "waiver": allowed[f.check]})
        if f.verdict is Verdict.FAIL and f.check in allowed
        else f
        for f in findings
    )


def refusal(findings: Sequence[Finding]) -> Refused | None:
    """The error that the failed checks amount to; None when nothing stands in the way.

    `nouns["checks"]` names every failed check, for machines.
    """
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if not failed:
        return None
    first = failed[0]
    sentence = f"{first.check}: {first.sentence}"
    if len(failed) > 1:
        sentence = f"{len(failed)} checks failed ({', '.join(f.check for f in failed)}); {sentence}"
    return Refused(sentence, hint=first.hint, checks=[f.check for f in failed])


def counts(findings: Sequence[Finding]) -> str:
    """The checklist in one phrase: `14 passed, 2 warnings, 1 waived, 3 not configured`."""
    number = {verdict: sum(f.verdict is verdict for f in findings) for verdict in Verdict}
    parts = [
        f"{number[Verdict.FAIL]} failed" if number[Verdict.FAIL] else "",
        f"{number[Verdict.PASS]} passed",
        count(number[Verdict.WARN], "warning") if number[Verdict.WARN] else "",
        f"{number[Verdict.WAIVED]} waived" if number[Verdict.WAIVED] else "",
        f"{number[Verdict.NOT_CONFIGURED]} not configured" if number[Verdict.NOT_CONFIGURED] else "",
    ]
    return ", ".join(p for p in parts if p)


def _require_known(name: str, names: Sequence[str], where: str) -> None:
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        raise ConfigurationError(
            f"{where.format(name)}, and no check has this name",
            hint=f"did you mean {close[0]}?" if close else f"the checks are {', '.join(sorted(names))}",
        )


def _require_allowed(waiver: Waiver, checks: Checks) -> None:
    if checks.waivable is not None and waiver.check not in checks.waivable:
        allowed = ", ".join(checks.waivable)
        raise ConfigurationError(
            f"gate.toml does not let {waiver.check} be waived",
            hint=f"it lets these: {allowed}" if allowed else "it lets no check be waived: change checks.waivable",
        )
    if not waiver.by.strip():
        raise ConfigurationError(f"the waiver of {waiver.check} names nobody", hint="a waiver needs a person's name")
    if not waiver.reason.strip():
        raise ConfigurationError(
            f"the waiver of {waiver.check} has no reason", hint=f'--waive {waiver.check} --reason "why it may pass"'
        )
