"""Finds and ends what still runs in a cluster's folder, and frees the shared memory that a killed server leaves."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

LAST_WORDS_S = 5.0  # what an orphaned server gets to end by itself before it is killed, in seconds
IPC_RMID = 0
SHARED_MEMORY = Path("/proc/sysvipc/shm")
KEY, ID, ATTACHED, OWNER = 0, 1, 6, 7  # its columns


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


def end_survivors(folder: Path) -> None:
    """End what runs in the folder: by an immediate shutdown, and by force what does not heed it."""
    segment = _segment(folder)
    deadline = time.monotonic() + LAST_WORDS_S
    told: set[int] = set()
    while pids := [pid for pid in survivors(folder) if pid != os.getpid()]:
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in told:
                with suppress(ProcessLookupError, PermissionError):
                    # SIGQUIT to a postmaster takes its backends and its shared memory with it.
                    os.kill(pid, signal.SIGKILL if late else signal.SIGQUIT)
                told.add(pid)
        if time.monotonic() > deadline + LAST_WORDS_S:
            break
        time.sleep(0.01)
    if segment is not None:
        _free(segment, folder)


def _segment(folder: Path) -> tuple[str, str] | None:
    """Key and id of the server's System V segment, as it wrote them down: small, but their number is limited."""
    with suppress(OSError, IndexError, ValueError):
        key, number = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")[6].split()
        return key, number
    return None


def _free(segment: tuple[str, str], folder: Path) -> None:
    """Remove the segment, if it is still that one, its owner is the folder's, and nobody is attached to it."""
    with suppress(OSError):
        owner = str(folder.stat().st_uid)
        rows = [line.split() for line in SHARED_MEMORY.read_text(encoding="ascii").splitlines()[1:]]
        for row in rows:
            if (row[KEY], row[ID]) == segment and row[ATTACHED] == "0" and row[OWNER] == owner:
                ctypes.CDLL(None).shmctl(int(row[ID]), IPC_RMID, None)


def _postmaster_by_file(folder: Path) -> list[int]:
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
    except (OSError, ValueError):
        return []
    # The number may belong to a stranger by now: only a process that names this very folder is ours.
    said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid] if str(folder) in said else []
