"""Where a throw-away cluster lives: a private folder of the server's account, with a path short enough for a socket."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.clients.cluster_survivors import end_survivors
from tasks.clients.owned_folder import TEMPORARY, owned_folder, sweep_folders
from tasks.clients.server_account import hand_over, temporary_bases

PREFIX = "gate-cluster-"
SOCKET_NAME = ".s.PGSQL.65535"
SOCKET_PATH_LIMIT = 103  # bytes without the end mark: 107 on Linux, 103 on BSD and macOS (sockaddr_un.sun_path)


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """A new 0700 folder of the server's account, gone at the end with all that runs in it.

    Raises:
        ConfigurationError: there is no temporary folder that the server's account can reach.
    """
    with _handed_over(temporary_bases()[0]) as folder:
        yield folder


@contextmanager
def socket_folder(folder: Path) -> Iterator[Path]:
    """A folder for the cluster's socket: the cluster's own unless its path is too long for a socket's address."""
    if _short_enough(folder):
        yield folder
        return
    short = (base for base in temporary_bases() if _short_enough(base / f"{PREFIX}12345678"))
    with _handed_over(next(short, Path("/tmp"))) as made:  # noqa: S108
        yield made


def sweep(*bases: Path) -> int:
    """Remove every cluster whose owner is dead, and end what still runs in it; returns how many were found.

    Other temporary folders whose owner is dead go as well: passwords of connections, dumps, records of drills.

    Args:
        bases: where to look; everywhere that a cluster may be made unless given.
    """
    places = bases or (*temporary_bases(), Path(tempfile.gettempdir()).resolve())
    unique = tuple(dict.fromkeys(places))
    sweep_folders(TEMPORARY, unique)
    return sweep_folders(PREFIX, unique, end_survivors)


@contextmanager
def _handed_over(base: Path) -> Iterator[Path]:
    with owned_folder(PREFIX, base, end_survivors) as folder:
        hand_over(folder)
        yield folder


def _short_enough(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT
