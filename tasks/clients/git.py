"""Asks git which commit is checked out; nothing else, and nothing depends on git being there."""

import subprocess
from pathlib import Path

from tasks.clients.child import plain_environment

SECONDS = 10.0


def head(folder: Path) -> str:
    """The commit that is checked out around a folder; empty outside of a repository, or without git."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            env=plain_environment(),
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
