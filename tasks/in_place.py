"""From the exchange of the names on: whatever fails now, production holds the backup, and a person must be told so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from tasks.clients.patience import while_away
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
    try:
        return while_away(ask, seconds=AWAY_S, on=(ConfigurationError, psycopg.Error), longest_pause=PAUSE_S)
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise ConfigurationError(f"production cannot be read: {said}") from None
