"""Object storage as the gate needs it: a few verbs, each with one meaning on S3 and on a directory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from tasks.gate.errors import ConfigurationError, GateError

MAX_PARTS = 9_000  # S3 takes 10,000; the rest is room for a dump that grew since it was measured


class StoredEntry(NamedTuple):
    """One line of a listing."""

    key: str
    bytes: int


class AlreadyThere(GateError):
    """An object with this key exists, and this one was to be created only if absent."""


class NotThere(GateError):
    """No object has this key."""


class Unreachable(ConfigurationError):
    """The store does not answer, or answers that it cannot now; trying again later may help."""


def fitting_part_bytes(expected: int, smallest: int = 8 << 20) -> int:
    """The part size with which an object of `expected` bytes needs no more parts than S3 allows, in whole MiB.

    Uploads of unknown length work too: their parts grow as they go, but some stores want parts of one size.
    """
    return max(smallest, -(-expected // (MAX_PARTS << 20)) << 20)


def checked_key(key: str, reserved: str = "") -> str:
    """A key that means the same object on every store: relative, without empty parts, `.` or `..`.

    Raises:
        ConfigurationError: it is none.
    """
    parts = key.split("/")
    if "\0" in key or any(part in ("", ".", "..") for part in parts) or (reserved and parts[0] == reserved):
        raise ConfigurationError(f"{key!r} is not a name that the object store can hold", key=key)
    return key


class ObjectStore(Protocol):
    """Keys are relative to the store's own prefix and use `/`.

    Every method raises ConfigurationError with a plain sentence when the store cannot be reached, refuses the
    credentials or has no such bucket.
    """

    def describe(self) -> str:
        """The store's address without credentials, for messages."""
        ...

    def create(self, key: str, body: bytes) -> None:
        """Write an object only if the key is absent (`If-None-Match: *`).

        Raises:
            AlreadyThere: somebody wrote it first; theirs is untouched.
        """
        ...

    def read(self, key: str) -> bytes:
        """The whole object.

        Raises:
            NotThere: no such key.
        """
        ...

    def size(self, key: str) -> int | None:
        """Bytes of the object, None when there is none."""
        ...

    def stream(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """The object in pieces of at most `chunk` bytes.

        Raises:
            NotThere: no such key.
        """
        ...

    def upload(self, key: str, chunks: Iterable[bytes], part_bytes: int = 8 << 20) -> int:
        """Write a large object from a stream, only if absent; it exists completely or not at all.

        When `chunks` raises, the upload is aborted and nothing is left, and the error goes on. Returns the bytes
        written.

        Raises:
            AlreadyThere: somebody wrote the key first.
        """
        ...

    def keys(self, prefix: str, after: str = "") -> Iterator[StoredEntry]:
        """Objects whose key starts with `prefix`, sorted by key, later than `after`."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The next path segments below `prefix` (empty, or ending in `/`), sorted, without a trailing slash.

        Some stores still name a folder for a while whose last object was deleted.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; no error when it is absent. The gate deletes only what a half backup left behind."""
        ...

    def sweep_uploads(self, prefix: str, older_than_seconds: float = 0.0) -> int:
        """Abort multipart uploads below `prefix` that nobody finished; returns how many."""
        ...
