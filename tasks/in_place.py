"""From the exchange of the names on: whatever fails now, production holds the backup, and a person must be told so."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from tasks.gate.errors import ConfigurationError, GateError, NotRecovered
from tasks.release import Release

AWAY_S = 60.0  # a failover takes 10-30 s on managed servers, and everybody reconnects at once after a swap
PAUSE_S = 0.5

T = TypeVar("T")


@contextmanager
def in_place(release: Release) -> Iterator[None]:
    """Turn every error of the block into one that says what production is.

    Raises:
        NotRecovered: the restored database has production's name, and the rest is not done.
    """
    try:
        yield
    except NotRecovered:
        raise
    except GateError as error:
        raise NotRecovered(
            f"the restored database is in place, but {error.message}", hint=f"`gate resume {release.id}` does the rest"
        ) from error


def patiently(ask: Callable[[], T]) -> T:
    """Ask production until it answers, for a minute at most.

    Raises:
        ConfigurationError: it cannot be reached.
        GateError: it answers something else than was expected, which waiting does not change.
    """
    deadline = time.monotonic() + AWAY_S
    while True:
        try:
            return ask()
        except ConfigurationError:
            if time.monotonic() > deadline:
                raise
        except psycopg.Error as error:
            if time.monotonic() > deadline:
                said = error.diag.message_primary or "the connection was lost"
                raise ConfigurationError(f"production cannot be read: {said}") from None
        time.sleep(PAUSE_S)
