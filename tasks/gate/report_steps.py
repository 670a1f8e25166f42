"""The checklist of a release as its record tells it: what was done, how long it took, and where it stopped."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.gate import wording
from tasks.gate.chain import Event
from tasks.gate.evidence import Verdict
from tasks.gate.report_approval import approval_sentence, is_approved
from tasks.gate.report_blocks import Step, Tone
from tasks.gate.report_plan import checks_sentence, checks_tone, plan_sentence
from tasks.gate.report_reading import Reading
from tasks.gate.report_rehearsal import rehearsal_sentence

FAILED_TONES = {"recovered": Tone.WARN, "not_recovered": Tone.BAD}


@dataclass(frozen=True)
class Line:
    """One line of the checklist and the events that it stands for."""

    key: str
    title: str
    ends: tuple[str, ...]  # any of these ends the step
    begins: str = ""  # the event that the time is counted from; the event before the end unless set


LINES = (
    Line("open", "Open the release", ("opened",)),
    Line("plan", "Plan", ("planned",)),
    Line("preflight", "Preflight checks", ("checked",)),
    Line("backup", "Back up", ("backed_up",)),
    Line("proof", "Prove the backup", ("proved",)),
    Line("rehearsal", "Rehearse", ("rehearsed",)),
    Line("approval", "Approval", ("approved", "rejected", "expired"), "asked"),
    Line("apply", "Apply", ("applied",), "applying"),
    Line("verify", "Verify", ("verified",)),
    Line("recover", "Recover", ("recovered", "not_recovered"), "failed"),
)


def steps(reading: Reading) -> tuple[Step, ...]:
    """Every line of the checklist; recovery only when something failed."""
    stopped = stopped_at(reading)
    lines = [line for line in LINES if line.key != "recover" or reading.has("failed", "recovering", *line.ends)]
    return tuple(_step(line, reading, stopped) for line in lines)


def stopped_at(reading: Reading) -> str:
    """The key of the step that ended the release or that it is in now; empty when it went through."""
    plan = reading.plan
    if plan is not None and plan.problems:
        return "plan"
    if any(f.verdict is Verdict.FAIL for f in reading.findings):
        return "preflight"
    if reading.has("failed"):
        return "verify" if reading.has("applied") else "apply"
    if plan is not None and plan.verdict == "nothing-pending":
        return ""
    if reading.has("asked") and not reading.has("applying") and not is_approved(reading):
        return "approval"
    done = {line.key for line in LINES if reading.has(*line.ends)}
    return next((line.key for line in LINES if line.key not in done and line.key != "recover"), "")


def _step(line: Line, reading: Reading, stopped: str) -> Step:
    end = next((event for event in reading.events if event.kind in line.ends), None)
    if end is None and line.key == stopped and line.key in {"apply", "verify"}:
        end = reading.last("failed")  # the time until it failed
    seconds = _seconds(line, reading, end)
    if line.key == stopped:
        return _stopped(line, reading, seconds)
    if end is None:
        return Step(line.key, line.title, Tone.QUIET, "not reached", None)
    sentence = str(end.body.get("sentence") or "") if line.key in {"apply", "verify", "recover"} else ""
    tone = FAILED_TONES.get(end.kind, Tone.GOOD)
    if line.key == "preflight":
        tone = checks_tone(reading.findings)
    said = sentence or _SENTENCES.get(line.key, _no_words)(reading)
    return Step(line.key, line.title, tone, wording.sentence(said), seconds, waiting=line.key == "approval")


def _stopped(line: Line, reading: Reading, seconds: float | None) -> Step:
    """The line that the release ended in, or is in."""
    waiting = line.key == "approval"
    if line.key in {"apply", "verify"} and reading.has("failed"):
        return Step(line.key, line.title, Tone.BAD, wording.sentence(reading.text("failed", "sentence")), seconds)
    why = (
        reading.text("refused", "sentence") or reading.text("closed", "sentence") or reading.text("expired", "sentence")
    )
    if waiting and reading.has("asked"):
        why = why or (approval_sentence(reading) if reading.decisions else "waiting for a decision")
    if not reading.has("closed", "refused", "rejected", "expired"):
        return Step(line.key, line.title, Tone.WAIT, wording.sentence(why or "not done yet"), None, waiting=waiting)
    return Step(
        line.key, line.title, Tone.BAD, wording.sentence(why or "the release ended here"), seconds, waiting=waiting
    )


def _seconds(line: Line, reading: Reading, end: Event | None) -> float | None:
    if end is None or line.key == "open":
        return None
    own = end.body.get("seconds")
    if isinstance(own, int | float) and line.key in {"backup", "apply"}:  # a rehearsal's own figure is the plan alone
        return float(own)
    if line.begins:
        begin = next((e for e in reading.events if e.kind == line.begins), None)
    else:
        begin = next((e for e in reversed(reading.events) if e.number < end.number), None)
    return None if begin is None else wording.between(begin.at, end.at)


def _no_words(_reading: Reading) -> str:
    return "done"


def _open_sentence(reading: Reading) -> str:
    identity, by = reading.identity, reading.text("opened", "by")
    where = f", {identity.database} on PostgreSQL {identity.server_version}" if identity else ""
    return f"started by {by or 'somebody'}{where}"


def _plan_sentence(reading: Reading) -> str:
    return plan_sentence(reading.plan) if reading.plan else "recorded"


def _backup_sentence(reading: Reading) -> str:
    body = reading.body("backed_up")
    size = int(body.get("bytes") or 0)
    return f"{body.get('backup', 'a backup')} stored" + (f", {wording.size(size)}" if size else "")


def _proof_sentence(reading: Reading) -> str:
    proof = reading.proof
    if proof is None:
        return "proved"
    equal = f"{wording.count(proof.tables, 'table')} and {wording.count(proof.rows, 'row')} equal"
    return f"restored in {wording.duration(proof.restore_seconds)}, {equal}"


def _rehearsal_sentence(reading: Reading) -> str:
    return rehearsal_sentence(reading.rehearsal) if reading.rehearsal else "rehearsed"


def _approval_sentence(reading: Reading) -> str:
    decision = reading.decision
    if decision is None or len(reading.decisions) > 1 or decision.break_glass:
        return approval_sentence(reading)
    verb = "approved" if decision.approved else "rejected"
    return f"{verb} by {decision.who} ({decision.door})" + (f": {decision.comment}" if decision.comment else "")


_SENTENCES: dict[str, Callable[[Reading], str]] = {
    "open": _open_sentence,
    "plan": _plan_sentence,
    "preflight": lambda reading: checks_sentence(reading.findings),
    "backup": _backup_sentence,
    "proof": _proof_sentence,
    "rehearsal": _rehearsal_sentence,
    "approval": _approval_sentence,
    "apply": lambda reading: reading.applied.sentence if reading.applied else "applied",
    "verify": lambda reading: reading.verified.sentence if reading.verified else "verified",
}
