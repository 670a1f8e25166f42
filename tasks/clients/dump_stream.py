"""Runs pg_dump and pg_dumpall, and lets nothing pass that they did not finish cleanly."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from tasks.clients.child import Child, connection_environment, run, start
from tasks.clients.programs import Programs
from tasks.gate.errors import Refused

PIECE = 1 << 18
MAGIC = b"PGDMP"
GLOBALS_LIMIT_S = 120.0
# Fixed: an option that a user could add might leave rows out with exit code 0 (failure-modes B5). Uncompressed,
# because pg_dump's own zstd and lz4 have no content checksum. A subscription holds a password and must never wake up
# in a copy (failure-modes 3.11).
ARGUMENTS = (
    "--format=custom",
    "--compress=0",
    "--no-subscriptions",
    "--lock-wait-timeout=30s",
    "--no-password",
)
# What may stand on stderr beside exit code 0; anything else is a reason to refuse.
HARMLESS = re.compile(
    r"collation version mismatch|no actual collation version"
    r"|insufficient to publish logical changes|logical decoding must be enabled to publish"
)
CONTINUED = re.compile(r"^(?:DETAIL|HINT|CONTEXT|pg_\w+: (?:detail|hint)):|^\s")
CAUSES = (
    (
        r"row-level security|row security",
        "row-level security would hide rows from this role",
        "ALTER ROLE ... BYPASSRLS, or back up with a role that has it",
    ),
    (
        r"permission denied",
        "the role may not read everything",
        "GRANT pg_read_all_data to it, or back up with the owner of every object",
    ),
    (
        r"version mismatch",
        "the client is older than the server",
        "install the server's own major version of the clients, or set GATE_PG_BIN",
    ),
    (
        r"due to (?:statement|lock) timeout",
        "another session holds a lock on a table",
        "wait for that session, or end it; then run again",
    ),
    (
        r"terminating connection|server closed the connection|connection to server was lost|SSL SYSCALL",
        "the connection to the server was lost half way",
        "run again; if it happens again, look into the server's log",
    ),
    (
        r"invalid page|could not read block",
        "a table is damaged on disk",
        "the line names it; restore that table from an older backup before any release",
    ),
)


class DumpFailed(Refused):
    """pg_dump did not finish, so nothing was stored."""


class Dump:
    """A running dump: iterate over its bytes once; the iteration raises when the dump is not whole."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.archive_format = ""
        self.warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[bytes]:
        """The bytes as pg_dump writes them.

        Raises:
            DumpFailed: pg_dump ended with an error, was killed, or warned of something that is not known as harmless.
        """
        assert self._child.stdout is not None, "a child is started with a pipe"
        first = True
        while piece := self._child.stdout.read(PIECE):
            if first:
                self.archive_format = _format_of(piece)
                first = False
            yield piece
        self.warnings = _judge("pg_dump", self._child.wait(), self._child.error_text())
        if first:
            raise DumpFailed("pg_dump ended without an error and without a byte", hint="run again")


@contextmanager
def dump(url: SecretStr | str, programs: Programs, snapshot: str) -> Iterator[Dump]:
    """Start pg_dump in an exported snapshot; it is ended when the block is left.

    Args:
        url: the database.
        programs: pg_dump to use.
        snapshot: the identifier that pg_export_snapshot() returned in a transaction that is still open.
    """
    argv = [programs.path("pg_dump"), *ARGUMENTS, f"--snapshot={snapshot}"]
    with connection_environment(url) as environment, start(argv, environment=environment) as child:
        yield Dump(child)


def dump_globals(url: SecretStr | str, programs: Programs) -> bytes:
    """Roles, their memberships and settings, and tablespaces, as SQL, without passwords.

    Raises:
        DumpFailed: pg_dumpall failed or warned of something.
    """
    # Without --database it would connect to `postgres`, which this role may have no access to.
    argv = [programs.path("pg_dumpall"), "--globals-only", "--no-role-passwords", "--no-password"]
    with connection_environment(url) as environment:
        said = run([*argv, "--database=service=gate"], environment=environment, timeout_s=GLOBALS_LIMIT_S)
    _judge("pg_dumpall", said.returncode, said.stderr)
    if not said.stdout.rstrip().endswith(b"\n--") and b"cluster dump complete" not in said.stdout:
        raise DumpFailed("pg_dumpall ended without its last line", hint="run again")
    return said.stdout


def unexpected(stderr: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Messages of a PostgreSQL program: those that refuse, and those that are known as harmless."""
    bad: list[str] = []
    harmless: list[str] = []
    current = bad
    for line in stderr.splitlines():
        if not line.strip():
            continue
        if not (CONTINUED.match(line) and (bad or harmless)):
            current = harmless if HARMLESS.search(line) else bad
        elif current is harmless:
            continue
        current.append(line.strip())
    return tuple(bad), tuple(harmless)


def failure(program: str, returncode: int, lines: tuple[str, ...]) -> tuple[str, str]:
    """What went wrong in one sentence, and what to do now."""
    # Warnings come first and explain little; the error names the cause.
    errors = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()] or list(lines)
    said = " ".join(errors[:2]).removeprefix(f"{program}: ").removeprefix("error: ")
    if returncode < 0:
        how = f"{program} was killed by signal {-returncode}"
    else:
        how = f"{program} ended with exit code {returncode}" if returncode else f"{program} warned"
    for pattern, cause, remedy in CAUSES:
        if re.search(pattern, "\n".join(lines), re.IGNORECASE):
            return f"{how}: {cause}: {said}", remedy
    return (f"{how}: {said}" if said else f"{how} and said nothing"), "read its message; nothing was changed"


def _judge(program: str, returncode: int, stderr: str) -> tuple[str, ...]:
    bad, harmless = unexpected(stderr)
    if returncode != 0 or bad:
        sentence, remedy = failure(program, returncode, bad)
        raise DumpFailed(sentence, hint=remedy)
    return harmless


def _format_of(first: bytes) -> str:
    """The archive format's version from its header: five letters, then one byte each for major and minor."""
    if not first.startswith(MAGIC) or len(first) < len(MAGIC) + 2:
        raise DumpFailed("expected a PostgreSQL archive from pg_dump, found something else", hint="run again")
    return f"{first[5]}.{first[6]}"
