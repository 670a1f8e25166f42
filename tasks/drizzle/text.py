"""A migration's text as Drizzle sees it: decoded, hashed, split."""

from tasks.gate.model import sha256
from tasks.gate.plan import Migration

MARKER = "--> statement-breakpoint"  # exact, case-sensitive, wherever it stands


def migration(content: bytes, *, tag: str, file: str, created_at: int | None, name: str | None) -> Migration:
    """A migration from its bytes, exactly as Drizzle reads them (facts: Drizzle 2.2).

    Bytes that are no UTF-8 become U+FFFD, a byte order mark stays, and the hash is taken over the decoded text.
    """
    text = content.decode("utf-8", "replace")
    return Migration(
        tag=tag,
        file=file,
        hash=sha256(text.encode()),
        created_at=created_at,
        name=name,
        statements=tuple(text.split(MARKER)),
    )


def whole(migration: Migration) -> str:
    """The file's text again."""
    return MARKER.join(migration.statements)


def other_line_endings(migration: Migration) -> tuple[str, ...]:
    """The hashes that the same text has with LF and with CRLF, as a checkout on another system writes it."""
    plain = whole(migration).replace("\r\n", "\n")
    hashes = (sha256(plain.encode()), sha256(plain.replace("\n", "\r\n").encode()))
    return tuple(found for found in hashes if found != migration.hash)
