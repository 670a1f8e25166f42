"""Restores a backup into a new database of any server; proofs and recovery use the same code."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import Connection, with_database
from tasks.clients.programs import Programs
from tasks.clients.writing import connect_to_write, url_to_write
from tasks.gate.errors import GateError, Refused
from tasks.gate.manifest import Manifest
from tasks.restore_archive import RestoreFailed, restore_archive

CREATE_LIMIT_MS = 600_000
PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
PROVIDERS_SINCE = 150000
JOBS = 2


def _silent(_figure: str) -> None:
    return None


@dataclass(frozen=True)
class Restored:
    """A backup has become a database."""

    database: str
    url: SecretStr
    seconds: float  # from the first byte read back to pg_restore's end
    read_back_seconds: float  # of these, waiting for the store and hashing


def restore_into(
    *,
    store: ObjectStore,
    manifest: Manifest,
    url_of_server: SecretStr,
    database: str,
    programs: Programs,
    jobs: int = JOBS,
    progress: Callable[[str], None] = _silent,
    prepare: Callable[[SecretStr], None] | None = None,
) -> Restored:
    """Create a database like the backup's and restore into it; it is gone again when that fails.

    Owners and grants are restored, so their roles have to be there: on production's own server they are. The settings
    of the database itself are not part of it (`apply_settings`), and nothing is analysed.

    Args:
        store: where the backup is.
        manifest: the backup.
        url_of_server: any database of the server, as a role that may create databases and roles' objects.
        database: the new database's name; must not exist.
        programs: pg_restore of the version that dumped.
        jobs: how many tables at once when the dump is large.
        progress: told bytes and rate.
        prepare: called with the new database's URL before anything is restored into it.

    Raises:
        NotAsStored: the stored dump is missing, cut off, altered, or another backup's.
        RestoreFailed: the database cannot be created, or pg_restore failed or warned.
    """
    url = with_database(url_of_server, database)
    with connect_to_write(url_of_server, purpose="restore", statement_timeout_ms=CREATE_LIMIT_MS) as session:
        url = url_to_write(session, url)
        _create(session, database, manifest)
    try:
        if prepare is not None:
            prepare(url)
        return fill(
            store=store, manifest=manifest, url=url, database=database, programs=programs, jobs=jobs, progress=progress
        )
    except BaseException:
        # It is ours alone: created above, and it has never held production's name. What cannot be dropped now is
        # named by the next attempt; it must not hide why the restore failed.
        with suppress(psycopg.Error, GateError), connect_to_write(url_of_server, purpose="restore") as session:
            session.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        raise


def fill(
    *,
    store: ObjectStore,
    manifest: Manifest,
    url: SecretStr,
    programs: Programs,
    database: str,
    jobs: int = JOBS,
    progress: Callable[[str], None] = _silent,
    options: tuple[str, ...] = (),
    between: Callable[[], None] | None = None,
) -> Restored:
    """Restore into an existing, empty database.

    Args:
        store: where the backup is.
        manifest: the backup.
        url: the database.
        programs: pg_restore.
        database: its name, for the answer.
        jobs: how many tables at once when the dump is large.
        progress: told bytes and rate.
        options: for pg_restore.
        between: called after the definitions are there and before the first row is.

    Raises:
        NotAsStored: the stored dump is missing, cut off, altered, or another backup's.
        RestoreFailed: pg_restore failed or warned.
    """
    began = time.monotonic()
    read_back = restore_archive(
        store=store,
        manifest=manifest,
        url=url,
        programs=programs,
        jobs=jobs,
        progress=progress,
        options=options,
        between=between,
    )
    return Restored(database, url, time.monotonic() - began, read_back)


def _create(session: Connection, database: str, manifest: Manifest) -> None:
    options: list[tuple[str, str]] = [
        ("ENCODING", manifest.encoding),
        ("LC_COLLATE", manifest.collate),
        ("LC_CTYPE", manifest.ctype),
    ]
    if session.info.server_version >= PROVIDERS_SINCE:
        provider, locale = PROVIDERS.get(manifest.locale_provider, ("libc", ""))
        options.append(("LOCALE_PROVIDER", provider))
        if locale and manifest.icu_locale:
            options.append((locale, manifest.icu_locale))
    command = sql.SQL("create database {} template template0 ").format(sql.Identifier(database))
    pairs = [sql.SQL(f"{name} {{}}").format(sql.Literal(value)) for name, value in options]
    try:
        session.execute(command + sql.SQL(" ").join(pairs))
    except psycopg.errors.DuplicateDatabase:
        raise RestoreFailed(
            f"database {database} exists already, and a restore never overwrites one",
            hint="drop or rename it if it is a leftover, then run again",
        ) from None
    except psycopg.Error as error:
        raise Refused(
            f"cannot create database {database}: {error.diag.message_primary or 'the connection was lost'}",
            hint="the role needs CREATEDB, the server room and the backup's locale",
        ) from None
