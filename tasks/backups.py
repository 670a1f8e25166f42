"""The stored backups of a target: listing, finding, reading back, and a plain SQL file for people without Gate."""

import difflib
from pathlib import Path

from pydantic import ValidationError

from tasks.backup_folder import ID, MANIFEST, folder, is_half, root, sweep_half_backups
from tasks.clients.object_store import NotThere, ObjectStore
from tasks.clients.programs import Programs
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.manifest import Manifest, Proof
from tasks.restore_archive import write_plain

__all__ = [
    "export_plain",
    "find_backup",
    "half_backups",
    "list_backups",
    "newest_proof",
    "newest_proved",
    "read_manifest",
    "sweep_half_backups",
    "unreadable_backups",
]

PROOF = "proof-"


def list_backups(store: ObjectStore, target: str) -> list[tuple[Manifest, Proof | None]]:
    """Every backup with its newest proof, newest backup first; those whose manifest cannot be read are left out."""
    found: list[tuple[Manifest, Proof | None]] = []
    for backup in _ids(store, target):
        try:
            found.append((read_manifest(store, target, backup), newest_proof(store, target, backup)))
        except (NotThere, Refused):
            continue
    return found


def unreadable_backups(store: ObjectStore, target: str) -> list[tuple[str, str]]:
    """Backups whose manifest is there and cannot be trusted, each with the reason, newest first."""
    found: list[tuple[str, str]] = []
    for backup in _ids(store, target):
        try:
            read_manifest(store, target, backup)
        except NotThere:
            continue
        except Refused as reason:
            found.append((backup, reason.message))
    return found


def half_backups(store: ObjectStore, target: str) -> list[str]:
    """Ids without a manifest: being taken now, or left behind by a process that died."""
    return [backup for backup in _ids(store, target) if is_half(store, target, backup)]


def find_backup(store: ObjectStore, target: str, backup: str) -> Manifest:
    """The manifest of one backup.

    Raises:
        ConfigurationError: there is none with this id; names the nearest one.
        Refused: its manifest was altered, or belongs to another backup.
    """
    try:
        return read_manifest(store, target, backup)
    except NotThere:
        pass
    known = _ids(store, target)
    if backup in known and is_half(store, target, backup):
        raise Refused(
            f"{backup} is half a backup: it has no manifest, so it was never finished",
            hint="use another one; gate backups lists them",
            backup=backup,
        )
    near = difflib.get_close_matches(backup, known, n=1, cutoff=0.0)
    hint = f"did you mean {near[0]}? gate backups lists them" if near else "gate backup takes one"
    raise ConfigurationError(f"target {target} has no backup {backup}", hint=hint, backup=backup)


def newest_proved(store: ObjectStore, target: str) -> tuple[Manifest, Proof] | None:
    """The newest backup that was restored and compared, with its newest proof."""
    for backup in _ids(store, target):
        proof = newest_proof(store, target, backup)
        if proof is not None:
            try:
                return read_manifest(store, target, backup), proof
            except (NotThere, Refused):
                continue
    return None


def newest_proof(store: ObjectStore, target: str, backup: str) -> Proof | None:
    """The last proof of a backup; None when it has none that can be read."""
    for key in sorted((entry.key for entry in store.keys(folder(target, backup) + PROOF)), reverse=True):
        try:
            return Proof.model_validate_json(store.read(key))
        except (ValidationError, NotThere):
            continue
    return None


def read_manifest(store: ObjectStore, target: str, backup: str) -> Manifest:
    """The manifest as it is stored, once it is certain that it is whole and belongs there.

    Raises:
        NotThere: there is none.
        Refused: it was altered, or belongs to another backup.
    """
    if not ID.match(backup):
        raise NotThere(f"{backup} is no backup's id", backup=backup)
    try:
        manifest = Manifest.read(store.read(folder(target, backup) + MANIFEST))
    except ValueError:  # pydantic's and JSON's own are of this kind
        raise _altered(backup) from None
    if (manifest.id, manifest.target) != (backup, target):
        raise Refused(
            f"the manifest of {backup} is that of {manifest.id} of {manifest.target}: objects were exchanged",
            hint="use another backup, and find out who may write to the store",
            backup=backup,
        )
    return manifest


def export_plain(store: ObjectStore, manifest: Manifest, programs: Programs, destination: Path) -> Path:
    """Write a backup as one plain SQL file, `<id>.sql`, for psql.

    Args:
        store: where the backup is.
        manifest: the backup.
        programs: pg_restore of the version that dumped.
        destination: a folder, or the file's own name; nothing is overwritten.

    Returns:
        The file. It appears only when it is complete, readable by its owner only.

    Raises:
        Refused: the stored object is not what the manifest says, or cannot be converted.
        ConfigurationError: the file exists, or cannot be written.
    """
    file = destination / f"{manifest.id}.sql" if destination.is_dir() else destination
    if file.exists():
        raise ConfigurationError(f"{file} exists already", hint="remove it, or name another file")
    try:
        write_plain(store, manifest, programs, file)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ConfigurationError(f"cannot write {file}: {reason}", hint="name another folder") from None
    return file


def _ids(store: ObjectStore, target: str) -> list[str]:
    return sorted((name for name in store.folders(root(target)) if ID.match(name)), reverse=True)


def _altered(backup: str) -> Refused:
    return Refused(
        f"the manifest of {backup} was altered after it was written: its seal does not hold",
        hint="use another backup, and find out who may write to the store",
        backup=backup,
    )
