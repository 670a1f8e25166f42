"""Wakes a suspended Prefect run after a decision was recorded; the decision stands whether or not this works."""

from typing import Any

from tasks.gate.approval import Decision

WAKE_SECONDS = 3.0


def wake(prefect: dict[str, Any], decision: Decision) -> bool | None:
    """Resume the run that waits: True when it was woken, False when it was not, None when no run waits in Prefect."""
    if not prefect.get("flow_run"):
        return None
    from flows.prefect_rest import PrefectApi

    answer = {
        "decision": "approve" if decision.approved else "reject",
        "your_name": decision.who,
        "comment": decision.comment,
    }
    return PrefectApi(str(prefect["api"]), seconds=WAKE_SECONDS).resume(str(prefect["flow_run"]), answer)
