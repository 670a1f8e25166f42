"""Files that appear completely or not at all: drafts in a hidden folder, given their name by a hard link."""

import errno
import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tasks.gate.errors import ConfigurationError

NAME_LIMIT = 200  # of 255 bytes that a file name may have; a token follows
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
SENTENCES = {
    errno.ENOSPC: ("no space is left for {path}", "free some space, or let GATE_STORE_URL name another disk"),
    errno.EDQUOT: ("the disk quota is used up at {path}", "free some space, or let GATE_STORE_URL name another disk"),
    errno.EFBIG: ("{path} would be larger than files may be here", "raise the limit (ulimit -f), or use another disk"),
    errno.EACCES: ("{path} may not be read or written by this user", "change its owner or mode, or set GATE_STORE_URL"),
    errno.EPERM: ("{path} may not be read or written by this user", "change its owner or mode, or set GATE_STORE_URL"),
    errno.EROFS: (
        "{path} lies on a file system that is read-only",
        "let GATE_STORE_URL name a folder that can be written",
    ),
    errno.ENOTDIR: ("{path} is not a folder", "let GATE_STORE_URL name a folder, for example file:///var/lib/gate"),
    errno.ENAMETOOLONG: ("{path} is longer than file names may be", "use a shorter name"),
}


def failure(error: OSError, path: Path) -> ConfigurationError:
    """A file system's error as a sentence with its remedy."""
    known = SENTENCES.get(error.errno or 0)
    if known is None:
        reason = error.strerror or type(error).__name__
        return ConfigurationError(f"{path} cannot be used as object storage: {reason.lower()}", hint="check the disk")
    return ConfigurationError(known[0].format(path=path), hint=known[1], path=str(path))


def make_folders(folder: Path) -> None:
    """Make a folder and its parents, private to their owner, and let them survive a power cut."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(folder))


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk; one that we may not read is left to the kernel."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Draft:
    """A file that is being written and has no name of its own yet; locked as long as its writer lives."""

    def __init__(self, folder: Path, key: str) -> None:
        """Nothing happens before the `with`.

        Args:
            folder: the hidden folder, on the same file system as the objects.
            key: what the draft will become.
        """
        self._path = folder / f"{_stem(key)}.{secrets.token_hex(4)}"
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            make_folders(self._path.parent)
            while True:
                self._descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with suppress(OSError):  # a network file system without locks: then only `sweep` is less sure
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_nlink:
                    return self
                os.close(self._descriptor)  # swept between the making and the lock
        except OSError as error:
            raise failure(error, self._path.parent) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)

    def add(self, piece: bytes) -> int:
        """Write a piece; returns its length."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise failure(error, self._path) from None
        return len(piece)

    def publish(self, path: Path) -> None:
        """Give the draft its name, only if nobody has it, and return when that will survive a power cut.

        Raises:
            FileExistsError: somebody has the name.
        """
        try:
            os.fsync(self._descriptor)
            make_folders(path.parent)
            os.link(self._path, path)
            sync_folder(path.parent)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno in NO_LINKS and error.filename2 is not None:
                raise ConfigurationError(
                    f"the file system of {path.parent} has no hard links, so nothing can be created only if absent",
                    hint="let GATE_STORE_URL name a folder on a local disk, or an S3 bucket",
                ) from None
            raise failure(error, path) from None


def sweep(folder: Path, prefix: str, older_than_seconds: float) -> int:
    """Remove drafts of keys below `prefix` whose writer is dead; returns how many.

    A draft that somebody still writes is locked and stays, whatever its age.
    """
    start = quote(prefix, safe="")[:NAME_LIMIT]
    drafts = sorted(folder.iterdir()) if folder.is_dir() else []
    return sum(_remove_dead(draft, older_than_seconds) for draft in drafts if draft.name.startswith(start))


def _remove_dead(draft: Path, older_than_seconds: float) -> bool:
    try:
        descriptor = os.open(draft, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.time() - os.fstat(descriptor).st_mtime < older_than_seconds:
            return False
        draft.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def _stem(key: str) -> str:
    return quote(key, safe="")[:NAME_LIMIT]
