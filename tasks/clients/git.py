"""Asks git which commit is checked out and who wrote which file; nothing depends on git being there."""

import subprocess
from pathlib import Path

from tasks.clients.child import plain_environment
from tasks.gate.authors import UNCOMMITTED

SECONDS = 10.0
BY_GITHUB = "noreply@github.com"  # commits what people merged in a browser
# Author, committer and co-authors of every commit, each followed by the files that it changed; -c, so that what a merge
# changed by itself is somebody's too.
HISTORY = ("-c", "core.quotePath=false", "log", "-c", "--no-renames", "--name-only", "-z")
FORMAT = "--format=%x1e%ae%x1f%ce%x1f%(trailers:key=Co-authored-by,valueonly,separator=%x1f)%x1d"


def head(folder: Path) -> str:
    """The commit that is checked out around a folder; empty outside of a repository, or without git."""
    return (_git(folder, "rev-parse", "--verify", "HEAD") or "").strip()


def authors(folder: Path) -> dict[str, tuple[str, ...]]:
    """The addresses of everybody who had a hand in each file below a folder, by path relative to it.

    Empty outside of a repository, without git, and in a shallow clone, whose one commit did not write all of it.
    """
    if (_git(folder, "rev-parse", "--is-shallow-repository") or "true").strip() != "false":
        return {}
    history, changed = _git(folder, *HISTORY, FORMAT, "--", "."), _git(folder, "status", "--porcelain", "-z", "--", ".")
    if history is None or changed is None:
        return {}
    prefix = (_git(folder, "rev-parse", "--show-prefix") or "").strip()  # git names files from the top, this far up
    found: dict[str, dict[str, None]] = {}
    for commit in history.split("\x1e")[1:]:
        people, _, files = commit.partition("\x1d")
        hands = {
            f"email:{address}": None for p in people.split("\x1f") if (address := _address(p)) not in {"", BY_GITHUB}
        }
        for file in files.replace("\0", "\n").split("\n"):
            if file.startswith(prefix) and file:
                found.setdefault(file.removeprefix(prefix), {}).update(hands)
    for file in _below(folder, prefix, changed):
        found.setdefault(file, {})[UNCOMMITTED] = None
    return {file: tuple(hands) for file, hands in found.items()}


def _address(person: str) -> str:
    """`ann@example.com` of itself, and of `Ann <ann@example.com>`."""
    return person.rpartition("<")[2].rstrip("> \n").strip().casefold()


def _below(folder: Path, prefix: str, changed: str) -> list[str]:
    """Files below the folder that differ from the last commit."""
    names = [line[3:] if line[2:3] == " " else line for line in changed.split("\0") if line]
    inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix) or name == prefix]
    listed = [file.relative_to(folder).as_posix() for name in inside for file in _all(folder, name)]
    return [*inside, *listed]


def _all(folder: Path, name: str) -> list[Path]:
    """What is in a folder that git names as a whole, because it knows nothing of it."""
    where = folder / name if name else folder
    return [path for path in where.rglob("*") if path.is_file()] if name.endswith("/") or not name else []


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            timeout=SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            env=plain_environment(),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.decode("utf-8", "surrogateescape")
