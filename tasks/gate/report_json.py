"""The report for machines: keys that stay, nothing that only a renderer needs."""

from collections.abc import Sequence
from typing import Any

from tasks.gate import effect_words
from tasks.gate.rehearsal import TEXTS
from tasks.gate.report_approval import is_approved, is_emergency
from tasks.gate.report_blocks import Step, Tone
from tasks.gate.report_ending import RECOVERY
from tasks.gate.report_reading import Reading
from tasks.gate.story import Story

FORMAT = 1
STATES = {
    Tone.GOOD: "done",
    Tone.WARN: "done with warnings",
    Tone.BAD: "stopped here",
    Tone.QUIET: "not reached",
    Tone.WAIT: "under way",
    Tone.PLAIN: "done",
}


def document(
    reading: Reading, story: Story, steps: Sequence[Step], chain_problems: Sequence[str] | None
) -> dict[str, Any]:
    """What `gate report ID --json` prints. Keys are only ever added.

    `format` 1; `id`, `target`, `state`, `sentence`, `next`; `outcome`, `exit_code`: null until it is closed;
    `opened_at`, `closed_at` (UTC, ISO 8601), `started_by`, `door`, `host`; `identity`;
    `steps[]`: `key`, `title`, `state`, `sentence`, `seconds`;
    `plan`: `digest`, `verdict`, `migrations[]` (`tag`, `state`), `pending[]`, `problems[]`, `hazards[]`,
    `statements[]` (as `gate plan --json` has them), `rollbacks[]`;
    `checks[]`: `check`, `title`, `verdict`, `sentence`, `evidence[]`, `hint`, `seconds`, `waiver`;
    `backup`: the record's `backed_up`, with the `proof` in it; `rehearsal` without the schema's text;
    `approval`: `asked`, `decision` (the one that settled it, else the last), `decisions[]`, `approved`, `break_glass`
    and `held[]` (what it waited for after the approval); `applied`, `verified`: as recorded, null before;
    `recovery[]`: `kind`, `at`, `body`; `chain`: `verified` (null when nobody looked), `problems[]`;
    `events[]`: `number`, `kind`, `at`, `by`.
    """
    opened, closed = reading.last("opened"), reading.last("closed")
    return {
        "format": FORMAT,
        "id": reading.release,
        "target": reading.target,
        "state": story.state,
        "sentence": reading.text("closed", "sentence") or story.sentence,
        "next": story.next,
        "outcome": reading.body("closed").get("outcome"),
        "exit_code": reading.body("closed").get("exit_code"),
        "opened_at": opened.at if opened else None,
        "closed_at": closed.at if closed else None,
        "started_by": reading.body("opened").get("by"),
        "door": reading.body("opened").get("door"),
        "host": reading.body("opened").get("host"),
        "identity": reading.body("opened").get("identity"),
        "steps": [_step(step) for step in steps],
        "plan": _plan(reading),
        "checks": [finding.model_dump(mode="json") for finding in reading.findings],
        "backup": _backup(reading),
        "rehearsal": _rehearsal(reading),
        "approval": _approval(reading),
        "applied": dict(reading.body("applied")) or None,
        "verified": dict(reading.body("verified")) or None,
        "recovery": [{"kind": e.kind, "at": e.at, "body": e.body} for e in reading.events if e.kind in RECOVERY],
        "chain": {
            "verified": None if chain_problems is None else not chain_problems,
            "problems": list(chain_problems or ()),
        },
        "events": [{"number": e.number, "kind": e.kind, "at": e.at, "by": e.by} for e in reading.events],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "state": STATES[step.tone],
        "sentence": step.sentence,
        "seconds": step.seconds,
    }


def _plan(reading: Reading) -> dict[str, Any] | None:
    plan = reading.plan
    if plan is None:
        return None
    return {
        "digest": plan.digest,
        "verdict": plan.verdict,
        "migrations": [{"tag": m.tag, "state": str(m.state)} for m in plan.migrations],
        "pending": [m.tag for m in plan.pending],
        "problems": [p.model_dump(mode="json") for p in plan.problems],
        "hazards": list(plan.hazards),
        "statements": [effect_words.document(effect) for effect in plan.effects],
        "rollbacks": [{"tag": r.tag, "file": r.file, "sha256": r.sha256} for r in plan.rollbacks],
    }


def _backup(reading: Reading) -> dict[str, Any] | None:
    stored, proof = reading.body("backed_up"), reading.proof
    if not stored:
        return None
    return {**stored, "proof": proof.model_dump(mode="json") if proof else None}


def _rehearsal(reading: Reading) -> dict[str, Any] | None:
    rehearsal = reading.rehearsal
    return rehearsal.model_dump(mode="json", exclude=set(TEXTS)) if rehearsal else None


def _approval(reading: Reading) -> dict[str, Any] | None:
    asked, decision = reading.body("asked"), reading.decision
    if not asked:
        return None
    return {
        "asked": {k: v for k, v in asked.items() if k != "prefect"},
        "decision": decision.model_dump(mode="json") if decision else None,
        "decisions": [d.model_dump(mode="json") for d in reading.decisions],
        "approved": is_approved(reading),
        "break_glass": is_emergency(reading),
        "held": [e.body.get("sentence") for e in reading.events if e.kind == "holding"],
    }
