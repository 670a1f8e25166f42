"""Step 4: pg_dump inside an exported snapshot, streamed into the store; fingerprints of the very same snapshot."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psycopg
from pydantic import SecretStr

from config.policy import Policy
from tasks.backup_folder import MANIFEST, claim, discard_quietly, dump_key, globals_key, settings_key
from tasks.backup_folder import folder as folder_of
from tasks.backup_meter import SPEAK_EVERY_S, Meter
from tasks.clients import fingerprints, source
from tasks.clients.compression import compress
from tasks.clients.database_settings import settings_of
from tasks.clients.dump_stream import Dump, DumpFailed, dump, dump_globals
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import identity as identity_of
from tasks.clients.programs import Programs
from tasks.clients.snapshot import Snapshot, blockers, exported_snapshot, fingerprint_beside
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.fingerprint import Fingerprint
from tasks.gate.how_to import how_to
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest, StoredObject
from tasks.gate.model import sha256
from tasks.kill_points import reached

MEBIBYTE = 1 << 20


def _silent(_figure: str) -> None:
    return None


@dataclass(frozen=True)
class _Folder:
    """Where this backup goes."""

    store: ObjectStore
    target: str
    backup: str
    compression: str

    @property
    def dump(self) -> str:
        return dump_key(self.target, self.backup, self.compression)

    def key(self, name: str) -> str:
        return folder_of(self.target, self.backup) + name

    def put_globals(self, text: bytes) -> StoredObject:
        key = globals_key(self.target, self.backup, self.compression)
        return self._put(key, b"".join(compress(self.compression, (text,))))

    def put_settings(self, statements: tuple[str, ...]) -> StoredObject:
        text = "".join(f"{statement};\n" for statement in statements)
        return self._put(settings_key(self.target, self.backup), text.encode())

    def _put(self, key: str, body: bytes) -> StoredObject:
        self.store.create(key, body)
        return StoredObject(key=key, bytes=len(body), sha256=sha256(body))


@dataclass(frozen=True)
class _Source:
    """What is backed up, and with what."""

    url: SecretStr
    programs: Programs
    snapshot: Snapshot
    identity: Identity


def take_backup(
    *,
    store: ObjectStore,
    target: str,
    url: SecretStr,
    programs: Programs,
    policy: Policy,
    identity: Identity,
    now: Callable[[], datetime],
    progress: Callable[[str], None] = _silent,
    part_bytes: int | None = None,
) -> Manifest:
    """Back the database up; the manifest is written last, so whatever fails before leaves no backup and no object.

    Safe to run twice: every run has an id of its own.

    Args:
        store: where to.
        target: the name under which production is known.
        url: production.
        programs: pg_dump of a version that fits.
        policy: compression and part size.
        identity: which database this must be.
        now: the clock.
        progress: told bytes, rate and share of the tables, at most twice a second.
        part_bytes: size of an upload part; the policy's unless given.

    Raises:
        Refused: another database answers, the role may not read everything, pg_dump failed or was killed.
        ConfigurationError: the database or the store cannot be reached.
    """
    with exported_snapshot(url) as snapshot:
        _refuse_another(snapshot, identity)
        backup = claim(store, target, now)
        folder = _Folder(store, target, backup, policy.backup.compression)
        try:
            parts = part_bytes or policy.backup.part_megabytes * MEBIBYTE
            meter = Meter(progress, "stored" if folder.compression == "none" else "compressed")
            manifest = _take(folder, _Source(url, programs, snapshot, identity), now, meter, parts)
            reached("backup:before-manifest")
            store.create(folder.key(MANIFEST), manifest.stored())
        except psycopg.Error as error:
            discard_quietly(store, target, backup)
            raise _lost(error, snapshot) from None
        except BaseException:
            discard_quietly(store, target, backup)
            raise
    return manifest


def _take(folder: _Folder, origin: _Source, now: Callable[[], datetime], meter: Meter, part_bytes: int) -> Manifest:
    session, taken_at = origin.snapshot.session, now()
    shape, settings = source.shape_of(session), settings_of(session)
    # Before pg_dump starts: a sequence is outside of the snapshot, and the dump may hold any later state of it.
    before = fingerprints.sequences(session)
    roles, notes = _globals(origin)
    with dump(origin.url, origin.programs, origin.snapshot.id) as running:
        fingerprint = _stream(folder, origin, running, meter, part_bytes)
    after = fingerprints.sequences(session)
    stored = StoredObject(key=folder.dump, bytes=meter.stored, sha256=meter.digest.hexdigest())
    _refuse_short(folder, stored)
    manifest = Manifest(
        id=folder.backup,
        target=folder.target,
        identity=origin.identity,
        taken_at=taken_at.astimezone(UTC).isoformat(),
        finished_at=now().astimezone(UTC).isoformat(),
        snapshot_lsn=origin.snapshot.lsn,
        dump=stored,
        globals=None if roles is None else folder.put_globals(roles),
        compression=folder.compression,
        raw_bytes=meter.raw,
        client=origin.programs.version,
        archive_format=running.archive_format,
        settings=folder.put_settings(settings),
        database_settings=settings,
        **asdict(shape),
        fingerprint=fingerprint.model_copy(update={"sequences": before}),
        sequences_after={name: state for name, state in after.items() if name in before and state != before[name]},
        roles=fingerprints.roles(session),
        extension_schemas=source.extension_schemas(session),
        foreign_servers=source.foreign_servers(session),
        warnings=(*source.warnings(session), *running.warnings, *notes),
    )
    return manifest.model_copy(update={"how_to": how_to(manifest, folder.store.describe())}).sealed()


def _stream(folder: _Folder, origin: _Source, running: Dump, meter: Meter, part_bytes: int) -> Fingerprint:
    """Store the dump and return the fingerprint; the object appears only when both are whole."""

    def tables(done: int, total: int) -> None:
        meter.tables = (done, total)

    with fingerprint_beside(origin.url, origin.snapshot, tables) as fingerprint:

        def whole() -> Iterator[bytes]:
            for piece in running:
                if fingerprint.done():
                    fingerprint.result()  # raises what stopped it: there is no use in dumping on
                yield piece
            while not fingerprint.done():
                with suppress(TimeoutError):
                    fingerprint.result(SPEAK_EVERY_S)
                meter.speak()
            fingerprint.result()

        try:
            pieces = meter.store(compress(folder.compression, meter.read(whole())))
            folder.store.upload(folder.dump, pieces, part_bytes)
        except DumpFailed as failure:
            if "lock" in failure.message and (who := blockers(origin.snapshot)):
                raise DumpFailed(failure.message, hint=f"{who}; {failure.hint}") from None
            raise
        return fingerprint.result()


def _globals(origin: _Source) -> tuple[bytes | None, tuple[str, ...]]:
    """Roles and tablespaces; without the privilege for it the manifest's own list of roles has to do."""
    try:
        return dump_globals(origin.url, origin.programs), ()
    except (DumpFailed, ConfigurationError) as failure:
        return None, (f"roles and tablespaces are not in this backup: {failure.message}",)


def _refuse_another(snapshot: Snapshot, expected: Identity) -> None:
    found = identity_of(snapshot.session)
    if not found.same_database(expected):
        raise Refused(
            f"expected database {expected.database} of cluster {expected.system_identifier},"
            f" found {found.database} of cluster {found.system_identifier} at the same address",
            hint="find out what changed at that address, then start a new release",
        )


def _refuse_short(folder: _Folder, stored: StoredObject) -> None:
    found = folder.store.size(stored.key)
    if found != stored.bytes:
        raise Refused(
            f"wrote {stored.bytes} bytes to {stored.key}, but the store says {found or 0}",
            hint="the store loses what it is given: use another one",
        )


def _lost(error: psycopg.Error, snapshot: Snapshot) -> Refused:
    said = (error.diag.message_primary or str(error).strip() or type(error).__name__).splitlines()[0]
    waited = isinstance(error, psycopg.errors.LockNotAvailable)
    who = blockers(snapshot) if waited else ""
    return Refused(
        f"the backup stopped, and nothing of it was stored: {said}",
        hint=f"{who}; wait for it, then run again" if who else "run again; the server's log says more",
    )
