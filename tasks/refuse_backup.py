"""What makes a backup not worth restoring: another database's, another release's, or not for these programs."""

from tasks.backup_folder import folder
from tasks.clients.object_store import ObjectStore
from tasks.clients.programs import Programs
from tasks.gate.errors import Refused
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest
from tasks.read_back import NotAsStored, refuse_other_manifest


def refuse_wrong_backup(
    store: ObjectStore, manifest: Manifest, expected: Identity | None, expected_sha256: str | None
) -> str:
    """Make sure that it is the backup that is meant; returns the SHA-256 of its manifest.

    Args:
        store: where the backup is.
        manifest: the backup.
        expected: the database that it must be of, if the caller knows.
        expected_sha256: what the record says of the manifest's bytes, if it does.

    Raises:
        NotAsStored: the stored manifest is missing, altered, or not the recorded one.
        Refused: it is another database's.
    """
    digest = refuse_other_manifest(store, manifest)
    if expected_sha256 is not None and digest != expected_sha256:
        raise NotAsStored(
            f"the manifest of {manifest.id} is not the one that the release recorded",
            hint="take a new backup, and find out who may write to the store",
        )
    source = manifest.identity
    if expected is not None and (source.system_identifier, source.database) != (
        expected.system_identifier,
        expected.database,
    ):
        alike = " of the same name" if source.database == expected.database else ""
        raise Refused(
            f"{manifest.id} is of another database{alike}: {source.database} of cluster {source.system_identifier},"
            f" expected {expected.database} of cluster {expected.system_identifier}",
            hint="use a backup of this database; gate backups lists them",
        )
    if not manifest.dump.key.startswith(folder(manifest.target, manifest.id)):
        raise NotAsStored(
            f"the manifest of {manifest.id} names the dump of another backup: {manifest.dump.key}",
            hint="use another backup",
        )
    return digest


def refuse_unfit(manifest: Manifest, scratch_major: int, programs: Programs) -> None:
    """Refuse a scratch server or a pg_restore of a version that cannot take this backup."""
    major = manifest.identity.major
    if scratch_major != major:
        raise Refused(
            f"expected a scratch server of version {major}, as {manifest.id} is of one, found {scratch_major}",
            hint=f"install PostgreSQL {major}, or set GATE_SCRATCH_URL to an empty server of version {major}",
        )
    dumped_by = int(manifest.client.split(".", maxsplit=1)[0])
    if programs.major < dumped_by:
        raise Refused(
            f"{manifest.id} was dumped by pg_dump {manifest.client}, which pg_restore {programs.version} cannot read",
            hint=f"install the PostgreSQL {dumped_by} clients, or set GATE_PG_BIN to their folder",
        )


def refuse_incomplete_globals(manifest: Manifest, text: str | None) -> None:
    """On a virgin server the globals have to create every role that the dump speaks of (failure-modes B8)."""
    if text is None:
        return
    created = {line.removeprefix("CREATE ROLE ").removesuffix(";") for line in text.splitlines()}
    quoted = {role: '"' + role.replace('"', '""') + '"' for role in manifest.roles}
    missing = sorted(role for role in manifest.roles if not {role, quoted[role]} & created and "\n" not in role)
    if missing:
        raise Refused(
            f"the globals of {manifest.id} do not create role {missing[0]}, which owns or may use something in it",
            hint="take a new backup",
            roles=missing,
        )
