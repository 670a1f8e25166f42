"""Waiting inside Prefect: the run is suspended, costs no process, and its form is a hint: the record decides."""

from typing import Literal

from flows import prefect_view
from tasks.gate.approval import Request, Standing
from tasks.gate.plan import Plan
from tasks.release import Release
from tasks.steps import ask


def reference() -> dict[str, str]:
    """How a decision made elsewhere finds this run to wake it; empty outside a deployed run."""
    if not prefect_view.deployed():
        return {}
    from prefect.settings import PREFECT_API_URL

    return {"api": str(PREFECT_API_URL.value() or ""), "flow_run": prefect_view.flow_run_id()}


def suspend(release: Release, plan: Plan, request: Request) -> None:
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
    stands = ask.standing(release, plan).decision
    if stands is not None and (stands.who, stands.approved) == (answer.your_name, answer.decision == "approve"):
        return  # this is how a decision at another door wakes the run: the record holds it already
    ruling = ask.answer(
        release,
        plan,
        door="prefect-ui",
        identity=answer.your_name,
        approved=answer.decision == "approve",
        comment=answer.comment,
    )
    if not ruling.accepted or ruling.missing:
        said = ruling.sentence if ruling.accepted else f"a resume in the Prefect UI released nothing: {ruling.sentence}"
        release.record.append("noted", {"sentence": said})
        release.say(said)
    if ask.standing(release, plan).standing is Standing.WAITING:
        suspend(release, plan, request)
