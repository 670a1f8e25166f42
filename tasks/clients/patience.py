"""Trying again, with pauses that grow and never fall into step with those of others."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tasks.clients.object_store import Unreachable

T = TypeVar("T")

FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 10.0


def pause(attempt: int) -> None:
    """Sleep before try number `attempt` + 1, counted from 0: 0.1 s at most after the first, 10 s at most ever."""
    time.sleep(random.uniform(0.5, 1.0) * min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE))  # noqa: S311 - jitter


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


def while_away(call: Callable[[], T], *, seconds: float) -> T:
    """Call until the store answers: one that starts again is back within `seconds`.

    Raises:
        Unreachable: it did not; the last one.
    """
    deadline, attempt = time.monotonic() + seconds, 0
    while True:
        try:
            return call()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            pause(attempt := attempt + 1)
