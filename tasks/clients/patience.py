"""Trying again, with pauses that grow and never fall into step with those of others."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tasks.clients.object_store import Unreachable

T = TypeVar("T")

FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 10.0
DOUBLINGS = 10  # far beyond the longest pause, and short of what no float holds


def pause(attempt: int, longest: float = LONGEST_PAUSE) -> None:
    """Sleep before try number `attempt` + 1, counted from 0: 0.1 s at most after the first, `longest` at most ever."""
    grown = FIRST_PAUSE * 2 ** min(attempt, DOUBLINGS)
    time.sleep(random.uniform(0.5, 1.0) * min(grown, longest))  # noqa: S311 - jitter


def patiently(call: Callable[[], T], *, attempts: int, on: tuple[type[Unreachable], ...] = (Unreachable,)) -> T:
    """Call until the store answers, at most `attempts` times.

    Args:
        call: what to try.
        attempts: how often at most.
        on: the failures after which it is tried again.

    Raises:
        Unreachable: it did not; the last one.
    """
    for attempt in range(attempts - 1):
        try:
            return call()
        except on:
            pause(attempt)
    return call()


def while_away(
    call: Callable[[], T],
    *,
    seconds: float,
    on: tuple[type[Exception], ...] = (Unreachable,),
    but: tuple[type[Exception], ...] = (),
    longest_pause: float = LONGEST_PAUSE,
) -> T:
    """Call until the store, or another server, answers: one that starts again is back within `seconds`.

    Args:
        call: what to try.
        seconds: for how long it is tried again.
        on: the failures that say that nobody answered.
        but: those among them that are an answer all the same.
        longest_pause: between two tries, in seconds.

    Raises:
        Exception: one of `on`, the last; one of `but`, and any other, at once.
    """
    deadline, attempt = time.monotonic() + seconds, 0
    while True:
        try:
            return call()
        except but:
            raise
        except on:
            if time.monotonic() > deadline:
                raise
            pause(attempt := attempt + 1, longest_pause)
