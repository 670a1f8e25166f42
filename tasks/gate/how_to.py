"""The exact commands with which a person restores a backup without Gate."""

import shlex
from urllib.parse import unquote, urlsplit

from tasks.gate.manifest import Manifest

SUFFIXES = {"zstd": ".zst", "gzip": ".gz", "none": ""}
UNPACK = {"zstd": "zstd --decompress --rm", "gzip": "gunzip"}
PROVIDERS = {"i": "icu", "b": "builtin"}


def how_to(manifest: Manifest, address: str) -> tuple[str, ...]:
    """Shell lines, in order: fetch, check, decompress, create roles and database, restore.

    Each works with nothing but a shell, sha256sum, PostgreSQL's own programs and the store's own client. PGHOST,
    PGUSER and the like say where to; the new database has another name, so that nothing is overwritten.

    Args:
        manifest: the backup.
        address: as `ObjectStore.describe()` says it: `file:///...`, `s3://bucket/prefix` or
            `s3://bucket/prefix at https://endpoint`.
    """
    suffix = SUFFIXES[manifest.compression]
    dump, roles = f"dump{suffix}", f"globals.sql{suffix}"
    lines = [
        fetch(address, manifest.dump.key, dump),
        f"echo '{manifest.dump.sha256}  {dump}' | sha256sum --check",
        *_unpack(manifest.compression, dump),
    ]
    if manifest.globals is not None:
        lines += [
            fetch(address, manifest.globals.key, roles),
            f"echo '{manifest.globals.sha256}  {roles}' | sha256sum --check",
            *_unpack(manifest.compression, roles),
            "psql --no-psqlrc --dbname=postgres --file=globals.sql  # a role that exists already is left as it is",
        ]
    name = f"{manifest.identity.database}_restored"
    lines += [
        f"createdb {' '.join(_like(manifest))} {shlex.quote(name)}",
        f"pg_restore --exit-on-error --no-subscriptions --dbname={shlex.quote(name)} dump",
    ]
    if manifest.settings is not None:
        psql = f"psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=database={shlex.quote(name)} --dbname=postgres"
        lines += [fetch(address, manifest.settings.key, "settings.sql"), f"{psql} --file=settings.sql"]
    return tuple(lines)


def fetch(address: str, key: str, name: str) -> str:
    """The shell line that brings one object of the store into the current folder."""
    place, _, endpoint = address.partition(" at ")
    source = f"{place.rstrip('/')}/{key}"
    if source.startswith("file://"):
        return f"cp {shlex.quote(unquote(urlsplit(source).path))} {name}"
    option = f" --endpoint-url {shlex.quote(endpoint)}" if endpoint else ""
    return f"aws s3 cp{option} {shlex.quote(source)} {name}"


def _unpack(compression: str, name: str) -> list[str]:
    return [f"{UNPACK[compression]} {name}"] if compression in UNPACK else []


def _like(manifest: Manifest) -> list[str]:
    options = [
        "--template=template0",
        f"--encoding={manifest.encoding}",
        f"--lc-collate={shlex.quote(manifest.collate)}",
        f"--lc-ctype={shlex.quote(manifest.ctype)}",
    ]
    if provider := PROVIDERS.get(manifest.locale_provider):
        options.append(f"--locale-provider={provider}")
        option = "--icu-locale" if provider == "icu" else "--builtin-locale"
        options.append(f"{option}={shlex.quote(manifest.icu_locale or '')}")
    return options
