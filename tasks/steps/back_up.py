"""Steps 4 and 5, back up and prove: only a backup that was read back and restored counts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tasks.back_up import take_backup
from tasks.backups import find_backup
from tasks.clients.object_store import ObjectStore
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.model import sha256
from tasks.gate.wording import count, duration, size
from tasks.prove_backup import prove
from tasks.read_back import NotAsStored, ReadBack, refuse_other_manifest
from tasks.release import Release
from tasks.workshop import Workshop

RESTORED = "gate_restored"
READ_AGAIN_BYTES = 256 << 20  # seconds on any network that a backup goes over


def back_up(release: Release, workshop: Workshop) -> Manifest:
    """Take the backup of this release; safe to run twice, because a recorded one is used again."""
    recorded = release.record.last("backed_up")
    if recorded is not None:
        return find_backup(release.store, release.target, recorded.body["backup"])
    return _take(release, workshop)


def prove_backup(release: Release, workshop: Workshop, manifest: Manifest) -> Proof:
    """Read the backup back, restore and compare it; safe to run twice: it only adds another proof.

    The restored database stays on the scratch server for the rehearsal.
    """
    recorded = release.record.last("proved")
    if recorded is not None and recorded.body["backup"] == manifest.id:
        return Proof.model_validate(recorded.body)
    proof = _restore(release, workshop, manifest)
    release.record.append("proved", proof)
    return proof


def restored_copy(release: Release, workshop: Workshop, manifest: Manifest) -> str:
    """The database on the scratch server that holds this backup; restored again where another process had it."""
    if workshop.restored is None:
        _restore(release, workshop, manifest)
    assert workshop.restored is not None
    return workshop.restored


def fresh_backup(release: Release, workshop: Workshop, manifest: Manifest) -> Manifest:
    """A proved backup that is young enough for the apply: this one, or a new one proved as well.

    Raises:
        Refused: the stored backup is not the one that was proved.
    """
    age = release.now() - datetime.fromisoformat(manifest.taken_at)
    if age <= timedelta(minutes=release.policy.backup.max_age_minutes):
        _refuse_exchanged(release, manifest)
        return manifest
    release.say(f"the backup is {age.total_seconds() / 60:.0f} minutes old: taking a fresh one before anything runs")
    newer = _take(release, workshop)
    prove_backup(release, workshop, newer)
    return newer


def _refuse_exchanged(release: Release, manifest: Manifest) -> None:
    """Hours may lie between the proof and the apply: the way back must still be what was proved.

    A large dump is only measured here, because reading it would take as long as taking a new one; its SHA-256 is
    compared whenever it is restored.

    Raises:
        Refused: the manifest or the dump is another one, or gone.
    """
    taken = release.record.last("backed_up")
    known = taken.body.get("manifest_sha256") if taken and taken.body.get("backup") == manifest.id else None
    if refuse_other_manifest(release.store, manifest) != known:
        raise NotAsStored(
            f"the manifest of {manifest.id} is not the one that this release wrote",
            hint="find out what changed the store, then `gate run` again",
        )
    if manifest.dump.bytes <= READ_AGAIN_BYTES:
        ReadBack(release.store, manifest, manifest.dump).verify()
    elif release.store.size(manifest.dump.key) != manifest.dump.bytes:
        raise NotAsStored(
            f"the dump of {manifest.id} is not in the store as it was proved",
            hint="find out what changed the store, then `gate run` again",
        )


def _take(release: Release, workshop: Workshop) -> Manifest:
    began = release.now()
    manifest = take_backup(
        store=release.store,
        target=release.target,
        url=workshop.production_url,
        programs=workshop.programs,
        policy=release.policy,
        identity=workshop.identity,
        now=release.now,
        progress=release.progress,
    )
    release.record.append(
        "backed_up",
        {
            "backup": manifest.id,
            "bytes": manifest.dump.bytes,
            "sha256": manifest.dump.sha256,
            "manifest_sha256": sha256(manifest.stored()),
            "taken_at": manifest.taken_at,
            "seconds": (release.now() - began).total_seconds(),
        },
    )
    return manifest


def _restore(release: Release, workshop: Workshop, manifest: Manifest) -> Proof:
    taken = release.record.last("backed_up")
    recorded = str(taken.body["manifest_sha256"]) if taken and taken.body["backup"] == manifest.id else None
    return prove_on(workshop, release.store, manifest, release.progress, manifest_sha256=recorded)


def prove_on(
    workshop: Workshop,
    store: ObjectStore,
    manifest: Manifest,
    progress: Callable[[str], None],
    *,
    manifest_sha256: str | None = None,
) -> Proof:
    """Prove a backup on the workshop's scratch server, where the restored database stays.

    Args:
        workshop: its identity is the database that the backup must be of.
        store: where the backup is.
        manifest: the backup.
        progress: told figures.
        manifest_sha256: what the record says of the manifest, where there is a record.
    """
    if workshop.restored is not None:
        workshop.scratch.drop_database(workshop.restored)
        workshop.restored = None
    proof = prove(
        store=store,
        manifest=manifest,
        scratch=workshop.scratch,
        programs=workshop.programs,
        now=lambda: datetime.now(UTC),
        progress=progress,
        into=RESTORED,
        expected=workshop.identity,
        expected_sha256=manifest_sha256,
    )
    workshop.restored = RESTORED
    return proof


def backup_sentence(manifest: Manifest) -> str:
    """Step 4 in one sentence."""
    rows = sum(t.rows for t in manifest.fingerprint.tables.values())
    tables = count(len(manifest.fingerprint.tables), "table")
    return f"{manifest.id}: {size(manifest.dump.bytes)}, {tables}, {count(rows, 'row')}"


def proof_sentence(proof: Proof) -> str:
    """Step 5 in one sentence."""
    equal = f"{count(proof.tables, 'table')} and {count(proof.rows, 'row')} equal"
    return f"restored in {duration(proof.restore_seconds)}, {equal}"
