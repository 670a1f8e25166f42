"""Waiting inside Prefect: the run is suspended, costs no process, and its form is a hint: the record decides."""

from typing import Literal

from flows import prefect_view
from tasks.gate.approval import Decision, Request
from tasks.gate.errors import GateError
from tasks.release import Release
from tasks.steps import ask


def reference() -> dict[str, str]:
    """How a decision made elsewhere finds this run to wake it; empty outside a deployed run."""
    if not prefect_view.deployed():
        return {}
    from prefect.settings import PREFECT_API_URL

    return {"api": str(PREFECT_API_URL.value() or ""), "flow_run": prefect_view.flow_run_id()}


def suspend(release: Release, request: Request) -> None:
    """Suspend the run until somebody resumes it, and turn what they entered into a recorded decision.

    A suspended run starts again from the top. The key names release, digest and attempt, because Prefect hands the
    input of a key it has seen to whoever asks again: a new request must never be answered by an old form.
    """
    from prefect.flow_runs import suspend_flow_run
    from prefect.input import RunInput

    attempt = sum(e.kind == "noted" for e in release.record.events)

    class Answer(RunInput):
        """Your decision on this release; the plan and the evidence are in the artifacts of this run."""

        decision: Literal["reject", "approve"]
        your_name: str
        comment: str = ""

    key = f"approval-{release.id}-{request.digest[:16]}-{attempt}"
    answer = suspend_flow_run(wait_for_input=Answer, timeout=None, key=key)
    decision = Decision(
        approved=answer.decision == "approve",
        digest=request.digest,
        who=answer.your_name,
        door="prefect-ui",
        comment=answer.comment,
        at=release.now(),
    )
    against = ask.may_decide(release, decision.who, decision.door, approved=decision.approved)
    try:
        ask.decide(release.record, decision, policy_objection=against)
    except GateError as error:
        release.record.append("noted", {"sentence": f"a resume in the Prefect UI released nothing: {error.message}"})
        release.say(f"this released nothing: {error.message}")
        suspend(release, request)
