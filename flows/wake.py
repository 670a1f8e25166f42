"""Wakes a suspended Prefect run after a decision was recorded; the decision stands whether or not this works."""

from collections.abc import Mapping

from tasks.gate.approval import Decision

WAKE_SECONDS = 3.0


def wake(prefect: Mapping[str, str] | None, decision: Decision) -> bool | None:
    """Resume the run that waits: True when it was woken, False when it was not, None when no run waits in Prefect.

    The run asks the record, whatever is handed to it here; an approval that is not enough yet wakes nobody up for
    good, because the run suspends itself again.
    """
    if not prefect or not prefect.get("flow_run"):
        return None
    from flows.prefect_rest import PrefectApi

    answer = {
        "decision": "approve" if decision.approved else "reject",
        "your_name": decision.who,
        "comment": decision.comment,
    }
    return PrefectApi(prefect["api"], seconds=WAKE_SECONDS).resume(prefect["flow_run"], answer)
