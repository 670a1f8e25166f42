"""How a release ends: one word, one sentence, one exit code, the same in every place that shows it."""

from tasks.gate.errors import GateError
from tasks.gate.model import Model
from tasks.gate.plan import Plan, Purpose

EXIT_CODES: dict[int, str] = {
    0: "released, or nothing was pending",
    2: "wrong usage or configuration",
    3: "refused by the checklist, production untouched",
    4: "rejected, or the approval expired, production untouched",
    5: "failed, and recovered: production is as before",
    6: "failed and **not** recovered, or applied and not verified: a person is needed now",
    7: "another release holds the target",
    130: "interrupted",
}

INTERRUPTED = 130

EXIT_BY_OUTCOME: dict[str, int] = {
    "released": 0,
    "nothing-pending": 0,
    "restored": 0,
    "rolled-back": 0,
    "repaired": 0,
    "misconfigured": 2,
    "refused": 3,
    "rejected": 4,
    "expired": 4,
    "recovered": 5,
    "not-recovered": 6,
    "busy": 7,
    "interrupted": INTERRUPTED,
}


DONE = {Purpose.RELEASE: "released", Purpose.ROLLBACK: "rolled-back", Purpose.REPAIR: "repaired"}


class Outcome(Model):
    """The end of a release."""

    outcome: str  # one of EXIT_BY_OUTCOME's
    sentence: str
    exit_code: int


def done(plan: Plan) -> Outcome:
    """Everything ran and was verified."""
    return Outcome(outcome=DONE[plan.purpose], sentence=_shipped(plan), exit_code=0)


def _shipped(plan: Plan) -> str:
    if plan.title:
        return f"done in production and verified: {plan.title}"
    migrations = "1 migration is" if len(plan.pending) == 1 else f"{len(plan.pending)} migrations are"
    return f"{migrations} in production and verified: {', '.join(m.tag for m in plan.pending)}"


def nothing_pending(target: str) -> Outcome:
    """There was nothing to do."""
    return Outcome(
        outcome="nothing-pending", sentence=f"nothing is pending on {target}: production was not touched", exit_code=0
    )


def interrupted(sentence: str) -> Outcome:
    """Somebody stopped the process."""
    return Outcome(outcome="interrupted", sentence=sentence, exit_code=INTERRUPTED)


def from_error(error: GateError) -> Outcome:
    """The outcome that a refusal stands for."""
    return Outcome(outcome=error.outcome, sentence=error.message, exit_code=error.exit_code)
