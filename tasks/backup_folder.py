"""Where a backup lies in the store: claimed before the first byte, and cleared away when nobody finished it."""

import json
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.clients.compression import SUFFIXES
from tasks.clients.object_store import AlreadyThere, NotThere, ObjectStore
from tasks.gate.errors import Busy, GateError

ID = re.compile(r"^backup-\d{8}-\d{6}$")
ID_FORMAT = "backup-%Y%m%d-%H%M%S"
STARTED = "started.json"  # who takes it: written first, so that two processes never share a folder
MANIFEST = "manifest.json"
TRIES = 60
# A dump of a large database on another machine may run for hours, and nothing here shows that it lives.
DEAD_AFTER = timedelta(hours=24)


def root(target: str) -> str:
    """The key below which all backups of a target lie."""
    return f"{target}/backups/"


def folder(target: str, backup: str) -> str:
    """The key below which one backup lies."""
    return f"{root(target)}{backup}/"


def dump_key(target: str, backup: str, compression: str) -> str:
    """The dump: `dump.zst`, `dump.gz` or `dump`."""
    return f"{folder(target, backup)}dump{SUFFIXES[compression]}"


def globals_key(target: str, backup: str, compression: str) -> str:
    """Roles and tablespaces, as SQL."""
    return f"{folder(target, backup)}globals.sql{SUFFIXES[compression]}"


def settings_key(target: str, backup: str) -> str:
    """What hangs on the database's name, as SQL for psql."""
    return f"{folder(target, backup)}settings.sql"


def claim(store: ObjectStore, target: str, now: Callable[[], datetime]) -> str:
    """Reserve the id of this second, or of the next one that is free.

    Raises:
        Busy: sixty backups began in this minute, so something is wrong.
    """
    moment = now().astimezone(UTC)
    body = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "started": _process_start(os.getpid())})
    for second in range(TRIES):
        backup = (moment + timedelta(seconds=second)).strftime(ID_FORMAT)
        with suppress(AlreadyThere):
            store.create(folder(target, backup) + STARTED, body.encode())
            return backup
    raise Busy(f"{TRIES} backups of {target} began within a minute", hint="find out what starts them, then run again")


def is_half(store: ObjectStore, target: str, backup: str) -> bool:
    """True when something of a backup is there, and no manifest.

    Some stores go on listing a folder that has become empty: that is nothing.
    """
    below = folder(target, backup)
    return store.size(below + MANIFEST) is None and next(iter(store.keys(below)), None) is not None


def discard(store: ObjectStore, target: str, backup: str) -> None:
    """Remove everything of a backup that has no manifest; never touches one that has.

    Other processes find a half backup only by its missing manifest, so what says who began it goes last.
    """
    below = folder(target, backup)
    if store.size(below + MANIFEST) is not None:
        return
    store.sweep_uploads(below)
    for entry in sorted(store.keys(below), key=lambda found: found.key.endswith(STARTED)):
        store.delete(entry.key)


def discard_quietly(store: ObjectStore, target: str, backup: str) -> None:
    """The same after a failure, which must not be hidden by a store that fails as well: the next sweep finishes it."""
    with suppress(GateError):
        discard(store, target, backup)


def sweep_half_backups(
    store: ObjectStore, target: str, *, older_than: timedelta = DEAD_AFTER, now: datetime | None = None
) -> int:
    """Remove what runs that died left behind: backups without a manifest, and their open uploads.

    A run of this machine is dead when its process is gone. A run of another machine counts as dead after `older_than`.

    Args:
        store: where backups are.
        target: whose backups.
        older_than: zero removes every half backup of other machines as well.
        now: the present, for tests.

    Returns:
        How many were removed.
    """
    moment = now or datetime.now(UTC)
    removed = 0
    for backup in list(store.folders(root(target))):
        below = folder(target, backup)
        if not ID.match(backup) or not is_half(store, target, backup):
            continue
        began = datetime.strptime(backup, ID_FORMAT).replace(tzinfo=UTC)
        dead = _is_dead_here(store, below)
        if dead or (dead is None and moment - began >= older_than):
            discard(store, target, backup)
            removed += 1
    return removed


def _is_dead_here(store: ObjectStore, below: str) -> bool | None:
    """True or False for a run of this machine, None when it ran elsewhere or did not say."""
    try:
        said = json.loads(store.read(below + STARTED))
        host, process, started = said["host"], int(said["process"]), str(said["started"])
    except (NotThere, ValueError, KeyError, TypeError):
        return None
    if host != socket.gethostname():
        return None
    found = _process_start(process)
    return found is None or (found, started) != (started, found)


def _process_start(process: int) -> str | None:
    """When a process of this machine started, in a form that only equals itself; None when there is none."""
    try:
        # After the name in brackets, which may hold anything; the 22nd field of all (proc(5)) is the start.
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "unknown"
    return "unknown"
