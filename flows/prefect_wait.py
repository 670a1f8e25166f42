"""Waiting inside Prefect: the run is suspended, costs no process, and its form is a hint: the record decides."""

import contextlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from flows import prefect_view
from tasks.gate.approval import Request, Standing
from tasks.gate.plan import Plan
from tasks.gate.ruling import Ruling
from tasks.release import Release
from tasks.steps import ask
from tasks.steps.hold import Held

YES = "approve"
NOTHING = "a resume in the Prefect UI released nothing"


class Form(NamedTuple):
    """What somebody entered when they resumed the run."""

    decision: str  # "approve" or "reject"
    your_name: str
    comment: str


def waits_for(prefect: Mapping[str, str]) -> bool:
    """True when this is the run that whoever decides will wake, so that it may be suspended."""
    return prefect_view.deployed() and prefect.get("flow_run") == prefect_view.flow_run_id()


def reference() -> dict[str, str]:
    """How a decision made elsewhere finds this run to wake it; empty outside a deployed run."""
    if not prefect_view.deployed():
        return {}
    from prefect.settings import PREFECT_API_URL

    scheme, _, rest = str(PREFECT_API_URL.value() or "").partition("://")
    # Credentials in the address stay here: the record is read by many, and whoever wakes has PREFECT_API_AUTH_STRING.
    return {"api": f"{scheme}://{rest.rsplit('@', 1)[-1]}", "flow_run": prefect_view.flow_run_id()}


def suspend(release: Release, plan: Plan, request: Request) -> None:
    """Suspend the run until somebody resumes it, and turn what they entered into a recorded decision.

    A suspended run starts again from the top. The key names release, digest and attempt, because Prefect hands the
    input of a key it has seen to whoever asks again: a new request must never be answered by an old form.
    """
    ruling = _answered(release, plan, _form(_key(release, request)))
    if not ruling.accepted or ruling.missing:
        _said(release, ruling)
    if ask.standing(release, plan).standing is Standing.WAITING:
        suspend(release, plan, request)


def answer_late_form(release: Release, plan: Plan, request: Request) -> None:
    """Tell whoever filled in a form that was decided elsewhere meanwhile what had happened, and when.

    A decision at another door wakes the run by the same form, filled in with what the record holds already.
    """
    with contextlib.suppress(Exception):  # a courtesy: the record has decided, whatever Prefect can say now
        answer = _entered(_key(release, request))
        stands = ask.standing(release, plan).decision
        if answer is None or (stands and (stands.who, stands.approved) == (answer.your_name, answer.decision == YES)):
            return
        _said(release, _answered(release, plan, answer))


def suspend_until_open(release: Release, plan: Plan, held: Held) -> None:
    """Suspend the run of an approved release while a window is closed; a reconciler wakes it when it opens.

    It starts again from the top, and comes here only when it is still held: then somebody resumed it by hand, who can
    stop the release by a no and cannot hurry it by a yes.
    """
    moments = sum(e.kind == "holding" for e in release.record.events)
    answer = _form(f"holding-{release.id}-{moments}-{_attempt(release)}")
    if answer.decision == "reject":
        _said(release, _answered(release, plan, answer))
    else:
        _say(release, f"{NOTHING}: {held.sentence}")


def _key(release: Release, request: Request) -> str:
    return f"approval-{release.id}-{request.digest[:16]}-{_attempt(release)}"


def _form(key: str) -> Form:
    """What was entered, when the run was resumed; suspends it when nobody has resumed this key yet."""
    from prefect.flow_runs import suspend_flow_run
    from prefect.input import RunInput

    class Answer(RunInput):
        """Your decision on this release; the plan and the evidence are in the artifacts of this run."""

        decision: Literal["reject", "approve"]
        your_name: str
        comment: str = ""

    entered = suspend_flow_run(wait_for_input=Answer, timeout=None, key=key)
    return Form(entered.decision, entered.your_name, entered.comment)


def _entered(key: str) -> Form | None:
    """What was entered into the form of a key; None when nothing was. Suspends nothing."""
    from prefect.input import keyset_from_base_key, read_flow_run_input

    found: Any = read_flow_run_input(keyset_from_base_key(f"suspended-{key}")["response"])
    return Form(found["decision"], found["your_name"], found.get("comment", "")) if found else None


def _answered(release: Release, plan: Plan, answer: Form) -> Ruling:
    return ask.answer(
        release,
        plan,
        door="prefect-ui",
        identity=answer.your_name,
        approved=answer.decision == YES,
        comment=answer.comment,
    )


def _attempt(release: Release) -> int:
    return sum(e.kind == "noted" for e in release.record.events)


def _said(release: Release, ruling: Ruling) -> None:
    _say(release, ruling.sentence if ruling.accepted else f"{NOTHING}: {ruling.sentence}")


def _say(release: Release, sentence: str) -> None:
    """Leave it in the record, which also makes the next form another one."""
    release.record.append("noted", {"sentence": sentence})
    release.say(sentence)
