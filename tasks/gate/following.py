"""Judges how a release that runs elsewhere ended: by its record where that is readable, else by what Prefect says."""

from tasks.gate.model import Model
from tasks.gate.outcome import EXIT_BY_OUTCOME, INTERRUPTED, Outcome
from tasks.gate.story import APPROVED, EXPIRED, HALTED, HOLDING, REJECTED, WAITING, Story

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
STOPPED_BY_ITS_RUNNER = "Runner is shutting down."  # a deployment of the worker: nobody wanted the release to end
QUIET_SECONDS = 60.0  # a run that is over may be taken up by another one; after so long without an event it was not


class RunState(Model):
    """A flow run's state, as Prefect's API tells it."""

    type: str
    name: str
    message: str


class Seen(Model):
    """What a follower sees at one moment."""

    run: RunState | None  # None while the Prefect server does not answer
    story: Story | None  # None when the record is out of reach, or the run has opened no release
    readable: bool  # the store answers
    touched: bool  # the record says that production was acted upon
    quiet_seconds: float  # since the record or the run's state last changed


def judge_end(seen: Seen) -> Outcome | None:
    """How it ended; None while it has not.

    An open record always outweighs the run's own last word: another run may go on with the release.
    """
    story, run = seen.story, seen.run
    if story is not None and story.ended_at and story.exit_code is not None:
        return Outcome(outcome=story.outcome, sentence=story.sentence, exit_code=story.exit_code)
    if story is not None:
        return _end_of_open(story, run, seen) if seen.quiet_seconds >= QUIET_SECONDS else None
    if run is None or run.type not in ENDED:
        return None
    return _said(run) or _unsaid(run, readable=seen.readable)


def _end_of_open(story: Story, run: RunState | None, seen: Seen) -> Outcome | None:
    if story.state == HALTED:
        return Outcome(outcome="not-recovered", sentence=story.sentence, exit_code=6)
    if story.state == EXPIRED:
        return Outcome(outcome="expired", sentence=story.sentence, exit_code=4)
    if story.state == REJECTED:
        return Outcome(outcome="rejected", sentence=story.sentence, exit_code=4)
    if run is None or run.type not in ENDED:
        return None
    cancelled = run.type == "CANCELLED" and run.message != STOPPED_BY_ITS_RUNNER
    if story.state in (WAITING, HOLDING, APPROVED) and not cancelled:
        return None  # it waits in its record, whatever became of the process
    how = f"its run in Prefect ended as {run.name} while {story.state}, and nobody has taken it up"
    if seen.touched:
        sentence = f"{how}: production was acted upon, and `gate resume {story.id}` finds out what was done"
        return Outcome(outcome="not-recovered", sentence=sentence, exit_code=6)
    sentence = f"{how}; production was not touched; `gate resume {story.id}` goes on or ends it"
    return Outcome(outcome="interrupted", sentence=sentence, exit_code=INTERRUPTED)


def _said(run: RunState) -> Outcome | None:
    """The outcome that the run's last message names, when it is one of ours."""
    outcome, _, sentence = run.message.partition(": ")
    code = EXIT_BY_OUTCOME.get(outcome)
    return None if code is None else Outcome(outcome=outcome, sentence=sentence, exit_code=code)


def _unsaid(run: RunState, *, readable: bool) -> Outcome:
    how = f"the run ended as {run.name} without an outcome"
    if readable:
        return Outcome(
            outcome="interrupted",
            sentence=f"{how} before it opened a release; production was not touched",
            exit_code=INTERRUPTED,
        )
    sentence = f"{how}, and its record is out of reach here; `gate status` says what production shows"
    return Outcome(outcome="not-recovered", sentence=sentence, exit_code=6)
