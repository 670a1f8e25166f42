"""Reads the files of a migrations folder once, and never one that lies outside of it."""

import errno
import os
import stat
import unicodedata
from contextlib import suppress
from pathlib import Path

from tasks.gate.errors import ConfigurationError, Refused

_UPWARDS = frozenset(("", ".", ".."))
PIECE = 1024 * 1024  # bytes of one read
LARGEST = 64 * 1024 * 1024  # bytes; a larger file is a dump, not a migration


class Missing(Refused):
    """A file that should be in the folder is not there."""


def read_bytes(folder: Path, relative: str) -> bytes:
    """The bytes of one file of the folder.

    The real path is opened without following a further link, so what was checked is what is read; symbolic links
    inside the folder may be used, those that lead out of it may not.

    Args:
        folder: the migrations folder.
        relative: the file, relative to it.

    Raises:
        Missing: there is no such file.
        Refused: it leads outside of the folder, is no regular file, is too large, or cannot be read.
    """
    if _UPWARDS.isdisjoint(parts := relative.split("/")):
        # Names below the folder without a link on the way are inside: no need to resolve thousands of paths.
        with suppress(OSError, ValueError):
            return _read(_open_without_links(folder, parts), folder / relative)
    try:
        root, path = folder.resolve(strict=True), (folder / relative).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(f"{folder / relative} does not exist", hint=_similar(folder, relative)) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(folder, relative, error) from None
    if not path.is_relative_to(root):
        raise Refused(
            f"{folder / relative} leads outside of the migrations folder, to {path}",
            hint="put the file itself into the folder; what is reviewed with the folder is what may run",
            kind="outside",
            drizzle="follows it, and runs whatever it finds there",
        )
    try:
        return _read(_open(str(path)), path)
    except OSError as error:
        raise _unreadable(folder, relative, error) from None


def exists(folder: Path, relative: str) -> bool:
    """True when the folder has this file, as Node's `existsSync` would say.

    Raises:
        ConfigurationError: the folder may not be looked into.
    """
    try:
        os.stat(f"{folder}/{relative}")  # noqa: PTH116 (a third of the time of a Path, and there may be thousands)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise ConfigurationError(
            f"{folder / relative} cannot be looked at: {_cause(error)}", hint="check who may read the migrations folder"
        ) from None
    return True


def names(folder: Path) -> list[str]:
    """The names in the folder, in no order; those that are no UTF-8 are left out, because Node cannot open them.

    Raises:
        ConfigurationError: it is missing, no folder, or may not be listed.
    """
    try:
        return [name for name in os.listdir(folder) if name.isascii() or _is_unicode(name)]  # noqa: PTH208
    except FileNotFoundError:
        cause = f"the migrations folder {folder} does not exist"
    except NotADirectoryError:
        cause = f"{folder} is a file, and a folder of migrations was expected"
    except OSError as error:
        cause = f"the migrations folder {folder} cannot be read: {_cause(error)}"
    raise ConfigurationError(
        cause, hint="set GATE_MIGRATIONS to the folder that drizzle-kit generates (`out` in its configuration)"
    )


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _open_without_links(folder: Path, parts: list[str]) -> int:
    descriptor = _open(f"{folder}/{parts[0]}")
    for part in parts[1:]:
        try:
            inside = _open(part, descriptor)
        finally:
            os.close(descriptor)
        descriptor = inside
    return descriptor


def _open(path: str, inside: int | None = None) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)


def _read(descriptor: int, path: Path) -> bytes:
    """The whole file, which is closed in any case."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is not a regular file", hint="put a plain file there", kind="not-a-file")
        content = _whole(descriptor)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise Refused(
            f"{path} is larger than {LARGEST // (1024 * 1024)} MiB",
            hint="load data apart from the migrations, for example with COPY",
            kind="too-large",
        )
    return content


def _whole(descriptor: int) -> bytes:
    """Everything up to just beyond the limit; a read may return less than it was asked for."""
    pieces: list[bytes] = []
    left = LARGEST + 1
    while left > 0 and (piece := os.read(descriptor, min(left, PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _unreadable(folder: Path, relative: str, error: Exception) -> Refused:
    return Refused(
        f"{folder / relative!s} cannot be read: {_cause(error)}".replace("\0", "\\0"),
        hint="check the file and who may read it",
    )


def _cause(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _similar(folder: Path, relative: str) -> str:
    """Names the file that differs only in case or in the way accents are written, as another file system has it."""
    wanted = _folded(Path(relative).name)
    try:
        found = [path.name for path in (folder / relative).parent.iterdir() if _folded(path.name) == wanted]
    except (OSError, ValueError):
        found = []
    if found:
        return f"the folder has {found[0]}, which differs in upper and lower case or in accents; rename one of the two"
    return "commit the file, or remove what names it"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
