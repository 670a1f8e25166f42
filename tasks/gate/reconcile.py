"""What to do about an open release that nobody seems to carry: wake its run, take it up, or name it to a person."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from tasks.gate.model import Model
from tasks.gate.story import APPROVED, EXPIRED, HALTED, HOLDING, INTERRUPTED, REJECTED, WAITING, Story
from tasks.gate.wording import duration

GRACE_SECONDS = 15.0  # whoever recorded a decision wakes the run within seconds; that is theirs to do
PATIENCE_SECONDS = 60.0  # from one event of a living process to its next, or to its lock on production


class Deed(StrEnum):
    """What a reconciler does."""

    NOTHING = "nothing"
    WAKE = "wake"  # resume the run that waits suspended
    TAKE_UP = "take up"  # start the recover deployment for it
    NAME = "name"  # only a person may say what happens now


class Run(StrEnum):
    """What Prefect says of the run that carries the release."""

    NONE = "none"  # it was not started by Prefect, or Prefect does not know it any more
    WAITS = "waits"
    COMES = "comes"  # scheduled, pending, or about to be resumed
    RUNS = "runs"
    ENDED = "ended"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # Prefect does not answer


OF_TYPE = {
    "PAUSED": Run.WAITS,
    "SCHEDULED": Run.COMES,
    "PENDING": Run.COMES,
    "RUNNING": Run.RUNS,
    "COMPLETED": Run.ENDED,
    "FAILED": Run.ENDED,
    "CRASHED": Run.ENDED,
    "CANCELLING": Run.CANCELLED,
    "CANCELLED": Run.CANCELLED,
}


class Finding(Model):
    """One open release and what is to be done about it."""

    release: str
    deed: Deed
    sentence: str


class Seen(NamedTuple):
    """What is known of an open release at this moment."""

    story: Story
    run: Run
    quiet_seconds: float  # since its last event
    acting: Callable[[], bool | None]  # does a process hold production's lock; None when nobody can say; asked late
    due: bool = False  # the moment that an approved release waits for has come


def judge(seen: Seen) -> Finding:
    """What is to be done; waiting releases are never disturbed, and nothing is judged by a timer alone."""
    state = seen.story.state
    if state in (APPROVED, REJECTED, EXPIRED):
        return _decided(seen)
    if state == HOLDING:
        return _holding(seen)
    if state in (WAITING, HALTED, INTERRUPTED):
        return _said(seen, Deed.NOTHING, f"{state}: a person says what happens now")
    return _under_way(seen)


def _decided(seen: Seen) -> Finding:
    if seen.run is Run.CANCELLED:
        sentence = f"{seen.story.state}, but its run in Prefect was cancelled: {_next(seen)} goes on, if that is wanted"
        return _said(seen, Deed.NAME, sentence)
    if seen.quiet_seconds < GRACE_SECONDS:
        return _said(seen, Deed.NOTHING, f"{seen.story.state} a moment ago")
    if seen.run is Run.WAITS:
        return _said(seen, Deed.WAKE, f"{seen.story.state}, and nobody has woken its run")
    if seen.run in (Run.COMES, Run.UNKNOWN):
        return _said(seen, Deed.NOTHING, f"{seen.story.state}, and its run is {seen.run}")
    if seen.quiet_seconds < PATIENCE_SECONDS or seen.acting() is not False:
        return _said(seen, Deed.NOTHING, f"{seen.story.state}, and a process acts on it or has only just left it")
    if seen.run is Run.RUNS:
        return _said(seen, Deed.NAME, _gone(seen))
    return _said(seen, Deed.TAKE_UP, f"{seen.story.state}, and the process that waited is gone")


def _holding(seen: Seen) -> Finding:
    """An approved release that waits for its window holds no lock, so a quiet one is no dead one."""
    state = seen.story.state
    if seen.run is Run.CANCELLED:
        return _said(seen, Deed.NAME, f"{state}, but its run in Prefect was cancelled: {_next(seen)} waits on")
    if seen.run is Run.ENDED and seen.quiet_seconds >= PATIENCE_SECONDS:
        return _said(seen, Deed.TAKE_UP, f"{state}, and the process that waited is gone")
    if seen.run is Run.WAITS and seen.due:
        return _said(seen, Deed.WAKE, f"{state}, which has come")
    return _said(seen, Deed.NOTHING, f"{state}: {_next(seen)} waits on, should nobody else")


def _under_way(seen: Seen) -> Finding:
    if seen.quiet_seconds < PATIENCE_SECONDS or seen.acting() is not False:
        return _said(seen, Deed.NOTHING, f"{seen.story.state}")
    return _said(seen, Deed.NAME, _gone(seen))


def _gone(seen: Seen) -> str:
    prefect = ", though Prefect shows its run as running" if seen.run is Run.RUNS else ""
    quiet = duration(seen.quiet_seconds)
    return (
        f"nobody carries it: {seen.story.state}, no event for {quiet}, no lock on production{prefect}; "
        f"{_next(seen)} finds out what was done and goes on"
    )


def _next(seen: Seen) -> str:
    return f"gate resume {seen.story.id}"


def _said(seen: Seen, deed: Deed, sentence: str) -> Finding:
    return Finding(release=seen.story.id, deed=deed, sentence=sentence)
