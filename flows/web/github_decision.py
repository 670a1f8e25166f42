"""A decision in GitHub's own review of an environment: the same one event in the record as through any other door."""

import logging

from flows.wake import wake
from flows.web.serving import Serving
from tasks.decide import decide
from tasks.gate.github_webhook import Said
from tasks.record import Record
from tasks.target_log import TargetLog

PATIENCE_SECONDS = 5.0

log = logging.getLogger("gate.web")


def deciding(serving: Serving, said: Said) -> str:
    """Decide by what somebody said on GitHub; returns the sentence for GitHub's log of deliveries.

    Raises:
        GateError: the store cannot be used.
    """
    release = said.release or ("" if said.approved else _open_release_of(serving, said.commit))
    if not release:
        return "the comment names no release, so nothing was decided: write its id, as the commit status shows it"
    made = decide(
        serving.settings,
        serving.policy_now(),
        release,
        door="github",
        identity=said.login,
        approved=said.approved,
        comment=said.comment,
        facts={"commit": said.commit},
        store=serving.store,
        patience_seconds=PATIENCE_SECONDS,
    )
    ruling = made.ruling
    if ruling.accepted and ruling.decision is not None:
        log.info("%s through GitHub", ruling.sentence, extra={"release": release})
        if serving.slack is not None:
            serving.slack.changed.set()
        if not ruling.missing:
            wake(made.prefect, ruling.decision)
    return ruling.sentence


def _open_release_of(serving: Serving, commit: str) -> str:
    """The open release of a commit, for a no: to stop is allowed without typing an id."""
    current = TargetLog(serving.store, serving.settings.target).current()
    if current is None:
        return ""
    opened = Record(serving.store, serving.settings.target, current, owner="reader").last("opened")
    sent = opened.body.get("bundle") if opened else None
    return current if sent and sent["commit"] == commit else ""
