"""Temporary folders that say whether their owner lives, so that what a killed process left can be swept."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.clients.server_account import NOBODY

OWNER = "owner"
TEMPORARY = "gate-temporary-"  # of all that are no cluster's, so that one sweep finds them
BIRTH_S = 60.0  # a folder without a lock file may be one that is being made; older than this it is a leftover, seconds
Ending = Callable[[Path], None]


def _nothing_runs_in_it(_folder: Path) -> None:
    return None


@contextmanager
def owned_folder(prefix: str, base: Path, end: Ending = _nothing_runs_in_it) -> Iterator[Path]:
    """A new 0700 folder, gone at the end.

    An flock on its `owner` file says that we live. The kernel drops it with the process, however that ends, and it
    holds across containers that share the folder but not their process numbers.

    Args:
        prefix: how its name starts; what `sweep_folders` looks for.
        base: where to make it.
        end: ends what runs in the folder, before it is deleted.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
        lock = _lock(folder / OWNER, create=True)
        if lock is not None:  # None: a sweep was faster, and has taken the unfinished folder away
            break
    try:
        os.write(lock, f"{os.getpid()}\n".encode())
        yield folder
    finally:
        _remove(folder, end)
        os.close(lock)


@contextmanager
def temporary_folder(what: str) -> Iterator[Path]:
    """An owned folder below the temporary folder, for anything but a cluster; the next release sweeps what a kill left.

    Args:
        what: it holds, for whoever finds it: `dump`.
    """
    with owned_folder(f"{TEMPORARY}{what}-", Path(tempfile.gettempdir()).resolve()) as folder:
        yield folder


def sweep_folders(prefix: str, bases: Iterable[Path], end: Ending = _nothing_runs_in_it) -> int:
    """Remove the folders of our account whose owner is dead; returns how many.

    Safe at any time and from any number of processes: a living owner holds the lock of its folder.
    """
    return sum(_sweep_one(folder, end) for base in bases for folder in sorted(base.glob(f"{prefix}*")))


def _sweep_one(folder: Path, end: Ending) -> bool:
    try:
        entry = folder.lstat()
    except FileNotFoundError:
        return False
    ours = {os.geteuid(), NOBODY} if os.geteuid() == 0 else {os.geteuid()}
    if entry.st_uid not in ours or folder.is_symlink() or not folder.is_dir():
        return False
    if not (folder / OWNER).exists():
        if time.time() - entry.st_mtime < BIRTH_S:
            return False
        _remove(folder, end)
        return True
    lock = _lock(folder / OWNER, create=False)
    if lock is None:
        return False
    try:
        _remove(folder, end)
    finally:
        os.close(lock)
    return True


def _lock(path: Path, *, create: bool) -> int | None:
    """The file's descriptor, locked; None when somebody else holds it or has removed it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0), 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _remove(folder: Path, end: Ending) -> None:
    end(folder)
    # The lock file goes last: a removal that is cut short is still seen as a leftover. rmtree does not follow links.
    with suppress(OSError):
        for entry in [entry for entry in folder.iterdir() if entry.name != OWNER]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
    shutil.rmtree(folder, ignore_errors=True)
