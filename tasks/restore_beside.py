"""Restore the proved backup into a database beside production, on production's own server, and prove it there."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.backups import find_backup
from tasks.clients import fingerprints, postgres
from tasks.clients.address import parameters
from tasks.clients.database_settings import apply_settings, settings_of
from tasks.clients.postgres import Connection
from tasks.clients.programs import Programs
from tasks.clients.scratch_copy import create_extensions
from tasks.clients.writing import connect_to_write
from tasks.gate.errors import GateError, Refused
from tasks.gate.fingerprint import differences
from tasks.gate.manifest import Manifest
from tasks.gate.model import Model
from tasks.gate.names import restore_name
from tasks.gate.wording import count, duration
from tasks.kill_points import reached
from tasks.refuse_backup import refuse_wrong_backup
from tasks.release import Release
from tasks.restore_into import restore_into
from tasks.workshop import production_url

HOURS_MS = 21_600_000  # reading or analysing every row of a large database, in ms
DATABASE = "select oid::bigint from pg_catalog.pg_database where datname = %s"
DROP = "drop database if exists {} with (force)"


class RestoreDiffers(GateError):
    """The backup was restored, but what came of it is not what the manifest says."""


class Beside(Model):
    """A database that is ready to take production's name."""

    sentence: str
    database: str
    oid: int
    backup: str
    seconds: float


def recorded_backup(release: Release) -> Manifest:
    """The one backup that this release proved; no other is ever used (failure-modes R11).

    Raises:
        Refused: none is recorded as proved, or the stored manifest is not the one that was proved.
    """
    proved = release.record.last("proved")
    if proved is None:
        raise Refused("no proved backup is in the record of this release")
    manifest = find_backup(release.store, release.target, str(proved.body["backup"]))
    refuse_wrong_backup(release.store, manifest, None, str(proved.body["manifest_sha256"]))
    return manifest


def restore_beside(
    release: Release, manifest: Manifest, programs: Programs, *, made: Callable[[str], None] = lambda _name: None
) -> Beside:
    """Create `<name>_restore_<release>`, restore, compare every fingerprint, analyse, carry the settings over.

    Safe to run twice: a finished one is taken from the record; half of one, which a dead process left, is dropped
    first. It may be dropped because its name is this release's own and it never held production's.

    Args:
        release: its id is in the database's name, and its record says when it is ready.
        manifest: the backup.
        programs: pg_restore.
        made: told the database's name as soon as it is there and before anything is in it.

    Raises:
        Refused: the stored bytes are not what the manifest says, or do not restore.
        RestoreDiffers: they restore to something else.
    """
    url = production_url(release.settings)
    production = parameters(url)["dbname"]
    name = restore_name(production, release.id)
    if (ready := _ready(release, name, manifest)) is not None:
        return ready
    began = time.monotonic()
    server = postgres.with_database(url, release.policy.recovery.maintenance_database)
    _drop_leftover(server, name)
    reached("restore:before")

    def prepare(url: SecretStr) -> None:
        made(name)
        _extensions(url, manifest)

    restored = restore_into(
        store=release.store,
        manifest=manifest,
        url_of_server=server,
        database=name,
        programs=programs,
        progress=release.progress,
        prepare=prepare,
    )
    reached("restore:restored")
    rows = _prove(restored.url, manifest, release)
    _analyse(restored.url)
    # Those of today, which may be newer than the backup's; the backup's own when production does not exist any more.
    statements = manifest.database_settings if _oid(server, production) is None else _settings(url)
    _carry_over(server, restored.url, name, statements)
    reached("restore:carried")
    seconds = time.monotonic() - began
    beside = Beside(
        sentence=f"{manifest.id} restored beside production as {name} and proved there: {rows}, {duration(seconds)}",
        database=name,
        oid=_oid(server, name) or 0,
        backup=manifest.id,
        seconds=round(seconds, 3),
    )
    release.record.append("restored_beside", beside)
    return beside


def _ready(release: Release, name: str, manifest: Manifest) -> Beside | None:
    event = release.record.last("restored_beside")
    if event is None:
        return None
    beside = Beside.model_validate(event.body)
    server = postgres.with_database(production_url(release.settings), release.policy.recovery.maintenance_database)
    same = (beside.database, beside.backup) == (name, manifest.id) and _oid(server, name) == beside.oid
    return beside if same else None


def _oid(server: SecretStr, name: str) -> int | None:
    with (
        _said(f"the server cannot say whether {name} is there"),
        postgres.connect(server, purpose="restore beside", read_only=True) as connection,
    ):
        row = connection.execute(DATABASE, [name]).fetchone()
    return int(row[0]) if row else None


def _drop_leftover(server: SecretStr, name: str) -> None:
    with (
        _said(f"{name}, half a restore of this release, cannot be dropped"),
        connect_to_write(server, purpose="restore beside") as connection,
    ):
        connection.execute(sql.SQL(DROP).format(sql.Identifier(name)))


def _extensions(url: SecretStr, manifest: Manifest) -> None:
    """Create those of another version than the default one, which is what a dump would bring (fact 9)."""
    with (
        _said("the extensions of the restored database cannot be created"),
        connect_to_write(url, purpose="restore beside") as connection,
    ):
        create_extensions(connection, manifest)


def _prove(url: SecretStr, manifest: Manifest, release: Release) -> str:
    """Compare the restored database with the manifest, as the proof on the scratch server did (failure-modes R8)."""
    with _said(f"{manifest.id} was restored, but cannot be compared"), _session(url) as connection:
        found = fingerprints.take(
            connection, progress=lambda done, total: release.progress(f"comparing: {done} of {total} tables")
        )
    if lines := differences(manifest.fingerprint, found, later=manifest.sequences_after):
        raise RestoreDiffers(
            f"{manifest.id} was restored, but {lines[0]}" + (f" (and {len(lines) - 1} more)" if lines[1:] else ""),
            hint="it was not swapped in; the restored database stays for a look",
            differences=list(lines),
        )
    rows = sum(table.rows for table in found.tables.values())
    return f"{count(len(found.tables), 'table')} and {count(rows, 'row')} equal"


def _analyse(url: SecretStr) -> None:
    """pg_dump below 18 carries no statistics: without them the first queries would be planned blindly (R6)."""
    with (
        _said("the restored database cannot be analysed"),
        _session(url, read_only=False) as connection,
    ):
        connection.execute("analyze")


def _settings(url: SecretStr) -> tuple[str, ...]:
    with (
        _said("the settings of a database cannot be read"),
        postgres.connect(url, purpose="settings", read_only=True) as connection,
    ):
        return settings_of(connection)


def _carry_over(server: SecretStr, url: SecretStr, name: str, statements: Sequence[str]) -> None:
    """Give the restored database what hangs on the name (R3), and read it back."""
    try:
        with connect_to_write(server, purpose="carry over") as connection:
            apply_settings(connection, name, statements)
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise Refused(f"the settings of the database cannot be carried over to {name}: {said}") from None
    if missing := [s for s in statements if s not in _settings(url)]:
        raise RestoreDiffers(f"a setting of the database did not arrive in {name}: {missing[0]}")


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Turn what the server answered into a refusal: all of this happens beside production."""
    try:
        yield
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise Refused(f"{what}: {said}", hint="nothing was swapped; restore again when the server answers") from None


def _session(url: SecretStr, *, read_only: bool = True) -> Connection:
    return postgres.connect(
        url, purpose="prove beside", read_only=read_only, statement_timeout_ms=HOURS_MS, idle_timeout_ms=HOURS_MS
    )
