"""A directory as object storage: for one machine, with the same promises as S3."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.clients.directory_files import Draft, failure, make_folders, sweep, sync_folder
from tasks.clients.object_store import AlreadyThere, NotThere, StoredEntry, checked_key

DRAFTS = ".unfinished"  # what a killed process leaves is here, and nothing else is
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class DirectoryStore:
    """Objects are files below one directory, readable by their owner only."""

    def __init__(self, root: Path) -> None:
        """Make the directory if it is missing.

        Raises:
            ConfigurationError: it is a file, or may not be made.
        """
        self.root = root
        try:
            make_folders(root)
        except OSError as error:
            raise failure(error, root) from None

    def describe(self) -> str:
        """The directory, as a URL."""
        return self.root.as_uri()

    def create(self, key: str, body: bytes) -> None:
        """Write a file only if it is absent: all of it, on the disk, under its name, or nothing."""
        self.upload(key, (body,))

    def upload(self, key: str, chunks: Iterable[bytes], part_bytes: int = 8 << 20) -> int:  # noqa: ARG002 - S3's business
        """Write a file from a stream, only if absent; it appears when it is complete and on the disk."""
        path = self._path(key)
        if path.exists():
            raise self._taken(key)
        with Draft(self.root / DRAFTS, key) as draft:
            written = sum(draft.add(piece) for piece in chunks)
            try:
                draft.publish(path)
            except FileExistsError:
                raise self._taken(key) from None
        return written

    def read(self, key: str) -> bytes:
        """The whole file."""
        return b"".join(self.stream(key))

    def size(self, key: str) -> int | None:
        """Bytes of the file, None when there is none."""
        path = self._path(key)
        return path.stat().st_size if path.is_file() else None

    def stream(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """The file in pieces of at most `chunk` bytes."""
        path = self._path(key)
        try:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(chunk):
                    yield piece
        except ABSENT:
            raise NotThere(f"{self.describe()} has no object {key}", key=key) from None
        except OSError as error:
            raise failure(error, path) from None

    def keys(self, prefix: str, after: str = "") -> Iterator[StoredEntry]:
        """Files whose key starts with `prefix`, sorted by key, later than `after`."""
        for key in sorted(self._keys(prefix), key=_as_bytes):
            size = self.size(key) if _as_bytes(key) > _as_bytes(after) else None
            if size is not None:  # deleted since: a listing is a moment
                yield StoredEntry(key, size)

    def folders(self, prefix: str) -> Iterator[str]:
        """The next path segments below `prefix`, sorted; an empty directory is none, as on S3."""
        below = (key[len(prefix) :] for key in self._keys(prefix))
        yield from sorted({rest.split("/", 1)[0] for rest in below if "/" in rest}, key=_as_bytes)

    def delete(self, key: str) -> None:
        """Remove a file; no error when it is absent."""
        path = self._path(key)
        try:
            path.unlink()
            sync_folder(path.parent)
        except ABSENT:
            return
        except OSError as error:
            raise failure(error, path) from None

    def sweep_uploads(self, prefix: str, older_than_seconds: float = 0.0) -> int:
        """Remove what killed processes left unfinished; what somebody still writes stays, whatever its age."""
        drafts = self.root / DRAFTS
        try:
            return sweep(drafts, prefix, older_than_seconds)
        except OSError as error:
            raise failure(error, drafts) from None

    def _keys(self, prefix: str) -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        start = self._path(folder) if folder else self.root
        for parent, folders, files in os.walk(start, onerror=_raise_unless_absent):
            if Path(parent) == self.root and DRAFTS in folders:
                folders.remove(DRAFTS)
            for name in files:
                key = (Path(parent) / name).relative_to(self.root).as_posix()
                if key.startswith(prefix):
                    yield key

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key, reserved=DRAFTS)

    def _taken(self, key: str) -> AlreadyThere:
        return AlreadyThere(f"{self.describe()} has an object {key} already", key=key)


def _as_bytes(key: str) -> bytes:
    return os.fsencode(key)  # S3 sorts by UTF-8 bytes


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, ABSENT):
        raise failure(error, Path(error.filename or ".")) from None
