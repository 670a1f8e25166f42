"""Which account a server of ours runs as: PostgreSQL refuses root, so its processes, and only they, step down."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from tasks.gate.errors import ConfigurationError

NOBODY = 65534  # exists everywhere; an id without a passwd entry will not do: "could not look up effective user ID"


def is_root() -> bool:
    """True when our servers have to step down."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def stepped_down() -> dict[str, Any]:
    """Options for a child process that is to run as the server's account."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root() else {}


def hand_over(path: Path) -> None:
    """Give a file or folder of ours to the server's account."""
    if is_root():
        os.chown(path, NOBODY, NOBODY)


def temporary_bases() -> tuple[Path, ...]:
    """Folders for temporary files that the server's account can reach, the configured one first.

    Raises:
        ConfigurationError: there is none.
    """
    named = [Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
    found = [base for base in dict.fromkeys(named) if base.is_dir() and reachable(base) and os.access(base, os.W_OK)]
    if not found:
        raise ConfigurationError(
            f"no folder for a throw-away server: {named[0]} cannot be reached by user nobody",
            hint="set TMPDIR to one that can",
        )
    return tuple(found)


def reachable(path: Path) -> bool:
    """True when the server's account can enter a folder: every folder above it lets others through."""
    if not is_root():
        return os.access(path, os.X_OK)
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
