"""The folder of a throw-away cluster: locked for as long as its owner lives, swept by the next start when it died."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.clients.server_account import NOBODY, hand_over, temporary_bases

PREFIX = "gate-cluster-"
OWNER = "owner"
BIRTH_S = 60.0  # a folder without a lock file may be one that is being made; older than this it is a leftover, seconds
LAST_WORDS_S = 5.0  # what an orphaned server gets to end by itself before it is killed, in seconds
SOCKET_NAME = ".s.PGSQL.65535"
SOCKET_PATH_LIMIT = 103  # bytes without the end mark: 107 on Linux, 103 on BSD and macOS (sockaddr_un.sun_path)


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """A new 0700 folder of the server's account, gone at the end.

    An flock on its `owner` file says that we live. The kernel drops it with the process, however that ends, and it
    holds across containers that share the folder but not their process numbers.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary_bases()[0]))
        lock = _lock(folder / OWNER, create=True)
        if lock is not None:
            break
    try:
        os.write(lock, f"{os.getpid()}\n".encode())
        hand_over(folder)
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


@contextmanager
def socket_folder(folder: Path) -> Iterator[Path]:
    """A folder for the cluster's socket: the cluster's own unless its path is too long for a socket's address."""
    if _short_enough(folder):
        yield folder
        return
    base = next((b for b in temporary_bases() if _short_enough(b / (PREFIX + "x" * 8))), Path("/tmp"))  # noqa: S108
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    lock = _lock(made / OWNER, create=True)
    try:
        hand_over(made)
        yield made
    finally:
        _remove(made)
        if lock is not None:
            os.close(lock)


def sweep(*bases: Path) -> int:
    """Remove every cluster whose owner is dead, and end what still runs in it; returns how many were found.

    Safe at any time and from any number of processes: a living owner holds the lock of its folder.

    Args:
        bases: where to look; everywhere that a cluster may be made unless given.
    """
    return sum(_sweep_one(f) for base in bases or temporary_bases() for f in sorted(base.glob(f"{PREFIX}*")))


def survivors(folder: Path) -> list[int]:
    """The processes that work in a cluster's folder: a postmaster and its backends live in their data directory."""
    if not sys.platform.startswith("linux"):
        return _postmaster_by_file(folder)
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                where = Path("/proc", entry.name, "cwd").readlink()
                if where == folder or folder in where.parents:
                    found.append(int(entry.name))
    return found


def _sweep_one(folder: Path) -> bool:
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
        _remove(folder)
        return True
    lock = _lock(folder / OWNER, create=False)
    if lock is None:
        return False
    try:
        _remove(folder)
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


def _remove(folder: Path) -> None:
    """End what runs in the folder, then delete it; rmtree does not follow links."""
    deadline = time.monotonic() + LAST_WORDS_S
    told: set[int] = set()
    while pids := [pid for pid in survivors(folder) if pid != os.getpid()]:
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in told:
                with suppress(ProcessLookupError, PermissionError):
                    # SIGQUIT is an immediate shutdown: a postmaster takes its backends and shared memory with it.
                    os.kill(pid, signal.SIGKILL if late else signal.SIGQUIT)
                told.add(pid)
        if late and time.monotonic() > deadline + LAST_WORDS_S:
            break
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def _short_enough(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT


def _postmaster_by_file(folder: Path) -> list[int]:
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
    except (OSError, ValueError):
        return []
    # The number may belong to a stranger by now: only a process that names this very folder is ours.
    said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid] if str(folder) in said else []
