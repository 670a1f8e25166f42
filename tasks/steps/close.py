"""Step 11, close: the record gets its last sentence, and the target is free for the next release."""

from tasks.gate.errors import GateError
from tasks.gate.outcome import Outcome, from_error
from tasks.release import Release
from tasks.target_log import TargetLog


def close(release: Release, outcome: Outcome) -> Outcome:
    """Write the end, first in the record, then in the target's log; safe to run twice, the first end stays."""
    recorded = release.record.last("closed")
    if recorded is None:
        release.record.append("closed", outcome)
    else:
        outcome = Outcome.model_validate(recorded.body)
    TargetLog(release.store, release.target).close(release.id, outcome.outcome, outcome.sentence)
    return outcome


def close_refused(release: Release, error: GateError) -> Outcome:
    """Close a release that ended before anything touched production."""
    outcome = from_error(error)
    if error.nouns.get("expired"):
        outcome = outcome.model_copy(update={"outcome": "expired"})
    if release.record.last("closed") is None:  # the target's log vouches for the record as it was when it was closed
        release.record.append("refused", {"sentence": error.message, "hint": error.hint})
    return close(release, outcome)
