"""Step 5: read the stored backup back, restore it into the scratch server, and compare everything."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import psycopg

from tasks.backup_folder import folder
from tasks.backups import PROOF
from tasks.clients import fingerprints, postgres
from tasks.clients.object_store import AlreadyThere, ObjectStore
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import GateError, Refused
from tasks.gate.fingerprint import Fingerprint, differences
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.model import canonical
from tasks.gate.wording import count
from tasks.kill_points import reached
from tasks.read_back import read_globals, verify_settings
from tasks.refuse_backup import refuse_incomplete_globals, refuse_unfit, refuse_wrong_backup
from tasks.restore_archive import RestoreFailed
from tasks.restore_into import Restored
from tasks.restore_on_scratch import restore_on_scratch

SHOWN = 3  # differences in the sentence; the others are nouns of the error
LIMIT_MS = 3_600_000
NUMBER = re.compile(r"proof-(\d{4,})\.json$")


class NotEqual(Refused):
    """The backup restores, but not to what production held."""


def _silent(_figure: str) -> None:
    return None


def prove(
    *,
    store: ObjectStore,
    manifest: Manifest,
    scratch: ScratchServer,
    programs: Programs,
    now: Callable[[], datetime],
    progress: Callable[[str], None] = _silent,
    into: str | None = None,
    expected: Identity | None = None,
    expected_sha256: str | None = None,
) -> Proof:
    """Prove one stored backup; safe to run twice: every run only adds a proof.

    Args:
        store: where the backup is.
        manifest: the backup.
        scratch: a server of the same major version that is not production's.
        programs: pg_restore of the version that dumped.
        now: the clock.
        progress: told bytes and rate, then how many tables are compared.
        into: leave the restored database on the scratch server under this name; dropped when None.
        expected: the database that the backup must be of.
        expected_sha256: what the record says of the manifest's bytes.

    Raises:
        Refused: with the cause: NotAsStored, RestoreFailed, NotEqual, another database's backup, a scratch server that
            cannot hold it. The restored database is gone then.
    """
    digest = refuse_wrong_backup(store, manifest, expected, expected_sha256)
    refuse_unfit(manifest, scratch.major, programs)
    refuse_incomplete_globals(manifest, read_globals(store, manifest))
    database = into or f"gate_proof_{manifest.id.removeprefix('backup-').replace('-', '_')}"
    verify_settings(store, manifest)
    reached("prove:before-restore")
    kept = False
    try:
        restored, notes = restore_on_scratch(store, manifest, scratch, programs, database, progress)
        reached("prove:before-compare")
        began = time.monotonic()
        found = _fingerprint(restored, progress)
        _refuse_differences(manifest, found)
        proof = Proof(
            backup=manifest.id,
            proved_at=now().astimezone(UTC).isoformat(),
            manifest_sha256=digest,
            read_back_seconds=round(restored.read_back_seconds, 3),
            restore_seconds=round(restored.seconds, 3),
            compare_seconds=round(time.monotonic() - began, 3),
            server_version=_version(scratch),
            tables=len(found.tables),
            rows=sum(table.rows for table in found.tables.values()),
            notes=notes,
        )
        _append(store, manifest, proof)
        kept = into is not None
    finally:
        if not kept:
            # The next borrower or the cluster's end removes what cannot be dropped now.
            with suppress(psycopg.Error, GateError):
                scratch.drop_database(database)
    return proof


def _fingerprint(restored: Restored, progress: Callable[[str], None]) -> Fingerprint:
    def heard(done: int, total: int) -> None:
        progress(f"comparing: {done} of {count(total, 'table')}")

    with postgres.connect(
        restored.url, purpose="comparison", read_only=True, statement_timeout_ms=0, idle_timeout_ms=0
    ) as session:
        try:
            return fingerprints.take(session, progress=heard)
        except psycopg.Error as error:
            said = error.diag.message_primary or "the connection was lost"
            raise RestoreFailed(
                f"the restored copy cannot be read: {said}", hint="look into the scratch server"
            ) from None


def _refuse_differences(manifest: Manifest, found: Fingerprint) -> None:
    lines = differences(manifest.fingerprint, found, later=manifest.sequences_after)
    if lines:
        shown = "; ".join(lines[:SHOWN]) + (f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else "")
        raise NotEqual(
            f"{manifest.id} does not restore to what production held, {count(len(lines), 'difference')}: {shown}",
            hint="take a new backup; if it differs again, find out what changes these objects while a backup runs",
            differences=lines,
        )


def _append(store: ObjectStore, manifest: Manifest, proof: Proof) -> None:
    below = folder(manifest.target, manifest.id)
    while True:
        numbers = [int(found[1]) for entry in store.keys(below + PROOF) if (found := NUMBER.search(entry.key))]
        with suppress(AlreadyThere):
            store.create(
                f"{below}{PROOF}{max(numbers, default=0) + 1:04d}.json", canonical(proof.model_dump(mode="json"))
            )
            return


def _version(scratch: ScratchServer) -> str:
    with postgres.connect(scratch.url, purpose="proof", read_only=True) as session:
        return postgres.identity(session).server_version
