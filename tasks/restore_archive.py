"""Feeds a stored dump to pg_restore: checked on the way, strict about every word that pg_restore says."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage

from pydantic import SecretStr

from tasks.clients.child import connection_environment, plain_environment, start
from tasks.clients.compression import Damaged, decompress
from tasks.clients.dump_stream import failure, unexpected
from tasks.clients.object_store import ObjectStore
from tasks.clients.owned_folder import temporary_folder
from tasks.clients.programs import Programs
from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest
from tasks.gate.wording import rate, size
from tasks.kill_points import reached
from tasks.read_back import NotAsStored, ReadBack

STRICT = ("--exit-on-error", "--no-password", "--no-subscriptions")
WORTH_A_FILE = 64 << 20  # below it, two jobs save less than writing the file costs, in bytes
ROOM = 1.1  # of the dump's size must be free for a file of it
SPEAK_EVERY_S = 0.5
CAUSES = (
    (
        r'extension "[^"]+" is not available|could not open extension control file',
        "install that extension where this server runs, or set GATE_SCRATCH_URL to an empty server that has it",
    ),
    (r'role "[^"]+" does not exist', "create that role first; the backup's globals hold it"),
    (r"pg_attver", "pg_dump is older than the server's minor version: update the clients and take a new backup"),
    (r"transaction_timeout", "this client is too new for the server: use the version that the manifest names"),
    (r"could not connect to server \"|password is required", "a view reads a foreign server, which a copy must not"),
    (r"No space left", "make room where this server keeps its data"),
    (r"unsupported version", "use the version of the clients that the manifest names, or a newer one"),
)


class RestoreFailed(Refused):
    """The backup does not restore."""


def restore_archive(
    *,
    store: ObjectStore,
    manifest: Manifest,
    url: SecretStr,
    programs: Programs,
    jobs: int,
    progress: Callable[[str], None],
    options: Sequence[str] = (),
    between: Callable[[], None] | None = None,
) -> float:
    """Restore a dump into an existing, empty database; returns the seconds that reading it back took.

    Args:
        store: where the backup is.
        manifest: the backup.
        url: the database.
        programs: pg_restore.
        jobs: how many tables and indexes at once; more than one needs room for the dump in the temporary folder.
        progress: told bytes and rate.
        options: for pg_restore, beside the strict ones.
        between: called after the definitions are there and before the first row is.

    Raises:
        NotAsStored: the stored dump is missing, cut off, altered, or another backup's.
        RestoreFailed: pg_restore failed, or warned of something.
    """
    incoming = ReadBack(store, manifest, manifest.dump)
    argv = [programs.path("pg_restore"), *STRICT, *options, "--dbname=service=gate"]
    with connection_environment(url) as environment, _checked(incoming, manifest):
        pieces = decompress(manifest.compression, _spoken(incoming, manifest, progress))
        if between is None and not _deserves_file(manifest, jobs):
            _feed([*argv], environment, pieces, manifest)
        else:
            with _file(pieces) as archive:
                incoming.verify()
                parallel = [*argv, f"--jobs={jobs}", str(archive)]
                if between is None:
                    _feed(parallel, environment, None, manifest)
                else:
                    _feed([*parallel, "--section=pre-data"], environment, None, manifest)
                    between()
                    _feed([*parallel, "--section=data", "--section=post-data"], environment, None, manifest)
    return incoming.seconds


def write_plain(store: ObjectStore, manifest: Manifest, programs: Programs, file: Path) -> None:
    """Turn a stored dump into one SQL file, which appears only when it is complete.

    A plain file that was cut off loads without an error (failure-modes 3.3), so half of one must never have the name.

    Raises:
        NotAsStored: the stored dump is not what the manifest says.
        RestoreFailed: pg_restore cannot convert it.
        OSError: the file cannot be written.
    """
    incoming = ReadBack(store, manifest, manifest.dump)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(descriptor)
    draft = Path(name)
    try:
        with _checked(incoming, manifest):
            argv = [programs.path("pg_restore"), "--no-subscriptions", f"--file={draft}"]
            _feed(argv, plain_environment(), decompress(manifest.compression, incoming), manifest)
        os.link(draft, file)  # unlike a rename, this never replaces a file
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _checked(incoming: ReadBack, manifest: Manifest) -> Iterator[None]:
    """Whatever goes wrong, altered bytes are the first suspect, and the better cause to name."""
    try:
        yield
    except NotAsStored:
        raise
    except Damaged as damage:
        incoming.verify()
        raise RestoreFailed(f"{manifest.id} was stored damaged: {damage.message}", hint="take a new backup") from None
    except Refused:
        incoming.verify()
        raise
    incoming.verify()


def _spoken(incoming: ReadBack, manifest: Manifest, progress: Callable[[str], None]) -> Iterator[bytes]:
    began = spoke = time.monotonic()
    for piece in incoming:
        reached("restore:in-stream")
        now = time.monotonic()
        if now - spoke >= SPEAK_EVERY_S:
            spoke = now
            speed = rate(incoming.bytes, now - began)
            progress(f"restoring: {size(incoming.bytes)} of {size(manifest.dump.bytes)} read back, {speed}")
        yield piece


def _deserves_file(manifest: Manifest, jobs: int) -> bool:
    if jobs < 2 or manifest.raw_bytes <= WORTH_A_FILE:  # noqa: PLR2004
        return False
    return disk_usage(tempfile.gettempdir()).free > manifest.raw_bytes * ROOM


@contextmanager
def _file(pieces: Iterator[bytes]) -> Iterator[Path]:
    """The dump as a private file: parallel jobs, and two passes, need to seek in it."""
    with temporary_folder("dump") as place:
        path = place / "dump"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            hint = "make room there, or set TMPDIR to another folder"
            raise RestoreFailed(f"cannot write the dump to {place}: {reason}", hint=hint) from None
        yield path


def _feed(argv: list[str], environment: dict[str, str], pieces: Iterator[bytes] | None, manifest: Manifest) -> None:
    stdin = subprocess.DEVNULL if pieces is None else subprocess.PIPE
    with start(argv, environment=environment, stdin=stdin, stdout=subprocess.DEVNULL) as child:
        if pieces is not None:
            assert child.stdin is not None, "a pipe was asked for"
            # It ends when it fails, and says why on stderr; a broken pipe says nothing.
            with suppress(BrokenPipeError):
                for piece in pieces:
                    child.stdin.write(piece)
                child.stdin.close()
        returncode, said = child.wait(), child.error_text()
    bad, _ = unexpected(said)
    if returncode != 0 or bad:
        sentence, remedy = failure("pg_restore", returncode, bad)
        hint = next((better for pattern, better in CAUSES if re.search(pattern, said)), remedy)
        raise RestoreFailed(f"{manifest.id} does not restore: {sentence}", hint=hint, backup=manifest.id)
