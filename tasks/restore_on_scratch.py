"""Makes a stored backup a database on the scratch server, with its roles and extensions, and cut off from the world."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.object_store import ObjectStore
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.clients.scratch_copy import create_extensions, create_roles, silence_foreign_servers
from tasks.gate.errors import GateError, Refused
from tasks.gate.manifest import Manifest
from tasks.restore_archive import RestoreFailed
from tasks.restore_into import Restored, fill


def restore_on_scratch(
    store: ObjectStore,
    manifest: Manifest,
    scratch: ScratchServer,
    programs: Programs,
    database: str,
    progress: Callable[[str], None],
) -> tuple[Restored, tuple[str, ...]]:
    """Restore a backup into a new database of the scratch server; returns it, and what differs from production in it.

    Args:
        store: where the backup is.
        manifest: the backup; that it is the one that is meant, and fits these programs, was asked before.
        scratch: a server of the same major version that is not production's.
        programs: pg_restore of the version that dumped.
        database: the new database's name; dropping it is the caller's business, also after a failure.
        progress: told bytes and rate.

    Raises:
        NotAsStored: the stored dump is missing, cut off, altered, or another backup's.
        RestoreFailed: pg_restore or the scratch server failed.
        Refused: the scratch server cannot hold such a database.
    """
    try:
        with postgres.connect(scratch.url, purpose="proof") as session:
            create_roles(session, manifest)
        url, notes = _create(scratch, database, manifest)
        with postgres.connect(url, purpose="proof") as session:
            create_extensions(session, manifest)
            restored = fill(
                store=store,
                manifest=manifest,
                url=url,
                database=database,
                programs=programs,
                progress=progress,
                options=("--no-tablespaces",),
                between=partial(silence_foreign_servers, session) if manifest.foreign_servers else None,
            )
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise RestoreFailed(f"{manifest.id} does not restore: {said}", hint="look into the scratch server") from None
    return restored, notes


def _create(scratch: ScratchServer, database: str, manifest: Manifest) -> tuple[SecretStr, tuple[str, ...]]:
    """A database like the backup's; one that sorts by bytes where the scratch server lacks its collation.

    No row and no hash depends on how text is sorted; what does, fails to restore and is refused then.
    """
    try:
        return scratch.create_database(database, like=manifest), ()
    except Refused:
        if (manifest.collate, manifest.ctype, manifest.locale_provider) == ("C", "C", "c"):
            raise
        plain = {"collate": "C", "ctype": "C", "locale_provider": "c", "icu_locale": None}
        with suppress(GateError):
            url = scratch.create_database(database, like=manifest.model_copy(update=plain))
            lacking = manifest.icu_locale or manifest.collate
            return url, (f"the scratch server does not have the collation {lacking}: restored with C instead",)
        raise
