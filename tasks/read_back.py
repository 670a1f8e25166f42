"""Reads a stored object back whole, and says what happened to it when it is not what the manifest says."""

import hashlib
import time
from collections.abc import Iterator

from tasks.backup_folder import MANIFEST, folder, root
from tasks.clients.compression import Damaged, decompress
from tasks.clients.object_store import NotThere, ObjectStore
from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest, StoredObject
from tasks.gate.model import sha256
from tasks.gate.wording import count

HINT = "use another backup, take a new one, and find out what changed the store"


class NotAsStored(Refused):
    """A stored object is missing, cut off, altered, or another backup's."""


class ReadBack:
    """One object on its way back: iterate over its bytes, then `verify()`."""

    def __init__(self, store: ObjectStore, manifest: Manifest, stored: StoredObject) -> None:
        self._store, self._manifest, self._stored = store, manifest, stored
        self._pieces = store.stream(stored.key)
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.seconds = 0.0  # spent waiting for the store and hashing, not for whoever takes the bytes

    def __iter__(self) -> Iterator[bytes]:
        """The rest of the bytes.

        Raises:
            NotAsStored: there is no such object.
        """
        while True:
            began = time.monotonic()
            try:
                piece = next(self._pieces)
            except StopIteration:
                return
            except NotThere:
                raise _refusal(self._manifest, self._stored, "is missing in the store") from None
            finally:
                self.seconds += time.monotonic() - began
            began = time.monotonic()
            self._digest.update(piece)
            self.bytes += len(piece)
            self.seconds += time.monotonic() - began
            yield piece

    def verify(self) -> None:
        """Read what nobody took, and compare size and SHA-256 with the manifest.

        Raises:
            NotAsStored: they differ; names the cause.
        """
        for _ in self:
            pass
        found, wanted = self._digest.hexdigest(), self._stored
        if found == wanted.sha256 and self.bytes == wanted.bytes:
            return
        owner = _owner(self._store, self._manifest, found)
        if owner is not None:
            raise _refusal(self._manifest, wanted, f"holds the {owner}: objects were exchanged")
        raise _refusal(self._manifest, wanted, _cause(self.bytes, wanted.bytes))


def read_globals(store: ObjectStore, manifest: Manifest) -> str | None:
    """Roles and tablespaces as SQL, once they are certain to be what was stored; None when the backup has none.

    Raises:
        NotAsStored: they are missing or altered.
    """
    if manifest.globals is None:
        return None
    incoming = ReadBack(store, manifest, manifest.globals)
    body = b"".join(incoming)
    incoming.verify()
    try:
        return b"".join(decompress(manifest.compression, (body,))).decode("utf-8", "replace")
    except Damaged as damage:
        raise _refusal(manifest, manifest.globals, f"was stored damaged: {damage.message}") from None


def verify_settings(store: ObjectStore, manifest: Manifest) -> None:
    """Make sure that the settings for a person without Gate are what was stored.

    Raises:
        NotAsStored: they are missing or altered.
    """
    if manifest.settings is not None:
        ReadBack(store, manifest, manifest.settings).verify()


def refuse_other_manifest(store: ObjectStore, manifest: Manifest) -> str:
    """Make sure that the stored manifest is this one; returns the SHA-256 of its bytes.

    Raises:
        NotAsStored: it is missing or another one.
    """
    name = f"the manifest of {manifest.id}"
    try:
        body = store.read(folder(manifest.target, manifest.id) + MANIFEST)
    except NotThere:
        raise NotAsStored(f"{name} is missing in the store", hint=HINT, backup=manifest.id) from None
    try:
        found = Manifest.read(body)
    except ValueError:
        sentence = f"{name} was altered after it was written: its seal does not hold"
        raise NotAsStored(sentence, hint=HINT, backup=manifest.id) from None
    if found != manifest:
        whose = f"is that of {found.id} of {found.target}" if found.id != manifest.id else "is another one"
        raise NotAsStored(f"{name} {whose}: objects were exchanged", hint=HINT, backup=manifest.id)
    return sha256(body)


def _cause(found: int, wanted: int) -> str:
    if found == 0:
        return f"is empty: {count(wanted, 'byte')} expected"
    if found < wanted:
        return f"was cut off: {count(wanted, 'byte')} expected, {found:,} found"
    if found > wanted:
        return f"was altered: {count(wanted, 'byte')} expected, {found:,} found"
    return "was altered: as long as expected, but its SHA-256 is another one"


def _owner(store: ObjectStore, manifest: Manifest, digest: str) -> str | None:
    """Whose object this hash belongs to, among all objects of the target's backups."""
    for backup in store.folders(root(manifest.target)):
        try:
            other = Manifest.read(store.read(folder(manifest.target, backup) + MANIFEST))
        except (NotThere, ValueError):
            continue
        for what, stored in (("dump", other.dump), ("globals", other.globals)):
            if stored is not None and stored.sha256 == digest:
                return f"{what} of {other.id}"
    return None


def _refusal(manifest: Manifest, stored: StoredObject, what: str) -> NotAsStored:
    part = {manifest.dump.key: "dump"}.get(stored.key) or ("settings" if stored == manifest.settings else "roles file")
    return NotAsStored(f"the {part} of {manifest.id} {what}", hint=HINT, backup=manifest.id, key=stored.key)
