"""The bundle: the migrations' files as CI saw them, named by the digest of their bytes, so that nothing else can run.

A bundle is one canonical JSON text, not an archive: it can hold no link, no mode and no absolute path, and one list of
files has one digest. Paths begin with `migrations/` or `rollbacks/`.
"""

import base64
import binascii
import json
from collections.abc import Mapping

from pydantic import Field

from tasks.gate.errors import Refused
from tasks.gate.model import Model, canonical, sha256

FORMAT = 1
MIGRATIONS, ROLLBACKS = "migrations", "rollbacks"
MOST_FILES = 20_000
MOST_BYTES = 64 << 20  # of all files together
LONGEST_NAME = 255  # bytes; what file systems take
MOST_NAMED = 1_000  # files named in the parameters of a run, of which Prefect takes 512 KiB, authors included


class Bundle(Model):
    """The files that a release must run, as its trigger names them."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 over the list of files, as the trigger saw it.")
    commit: str = Field("", pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$", description="The commit they were taken from.")
    files: dict[str, str] = Field({}, description="Path to SHA-256 of each file; empty when they are too many.")
    authors: dict[str, tuple[str, ...]] = Field({}, description="Path to who wrote each file, as CI's git says.")


def describe(files: Mapping[str, bytes], commit: str) -> Bundle:
    """What travels with the trigger: the digest, the commit, and each file's digest where they are not too many."""
    digests = {path: sha256(content) for path, content in files.items()}
    return Bundle(digest=_digest(digests), commit=commit, files=digests if len(digests) <= MOST_NAMED else {})


def pack(files: Mapping[str, bytes]) -> bytes:
    """The files as one text; the same files give the same bytes."""
    return canonical({"format": FORMAT, "files": {p: base64.b64encode(c).decode() for p, c in files.items()}})


def unpack(blob: bytes, digest: str) -> dict[str, bytes]:
    """The files of a bundle that is exactly the one of this digest.

    Raises:
        Refused: it is another one, or not something that `pack` writes.
    """
    try:
        document = json.loads(blob)
        files = {path: base64.b64decode(text, validate=True) for path, text in document["files"].items()}
        known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise Refused("the bundle of migrations cannot be read", hint="start the release again from CI") from None
    if not known or _digest({path: sha256(content) for path, content in files.items()}) != digest:
        raise Refused(
            f"the bundle of migrations in the store is not the one that CI saw ({digest[:12]})",
            hint="find out who can write below artifacts/ in the store, then start the release again from CI",
        )
    refuse_unfit(files)
    return files


def refuse_unfit(files: Mapping[str, bytes]) -> None:
    """Refuse files that a bundle cannot carry.

    Raises:
        Refused: a path that leads elsewhere, too many files, or too many bytes; names the path.
    """
    for path in files:
        _refuse_path(path, files)
    total = sum(map(len, files.values()))
    if len(files) > MOST_FILES or total > MOST_BYTES:
        raise Refused(
            f"{len(files):,} files of {total:,} bytes are more than a release carries"
            f" ({MOST_FILES:,} files, {MOST_BYTES >> 20} MiB)",
            hint="load data apart from the migrations, for example with COPY",
        )


def differences(seen: Mapping[str, str], here: Mapping[str, bytes]) -> tuple[str, ...]:
    """What is not as CI saw it, one sentence a file, in the order of their paths.

    Args:
        seen: SHA-256 by path, from the trigger.
        here: the files of this machine.
    """
    lines = []
    for path in sorted({*seen, *here}):
        if path not in here:
            lines.append(f"{path} is missing")
        elif path not in seen:
            lines.append(f"{path} is here, and CI did not have it")
        elif sha256(here[path]) != seen[path]:
            lines.append(f"{path} has other bytes ({sha256(here[path])[:12]}, and CI saw {seen[path][:12]})")
    return tuple(lines)


def _digest(digests: Mapping[str, str]) -> str:
    return sha256(canonical({"format": FORMAT, "files": dict(digests)}))


def _refuse_path(path: str, files: Mapping[str, bytes]) -> None:
    parts = path.split("/")
    unfit = any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > LONGEST_NAME for part in parts)
    if unfit or len(parts) < 2 or parts[0] not in (MIGRATIONS, ROLLBACKS):  # noqa: PLR2004
        raise Refused(f"{path!r} is no path that a bundle of migrations may hold", hint="rename the file")
    for end in range(1, len(parts)):
        if "/".join(parts[:end]) in files:
            raise Refused(f"{path!r} lies below a file of the same bundle", hint="rename one of the two")
