"""Which object store a URL names."""

import difflib
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tasks.clients.directory_store import DirectoryStore
from tasks.clients.object_store import AlreadyThere, ObjectStore
from tasks.gate.errors import ConfigurationError

EXAMPLES = "s3://bucket/prefix?endpoint_url=https://s3.example.com&region=eu-central-1 or file:///var/lib/gate"
S3_KEYS = ("endpoint_url", "region")


def open_store(url: str) -> ObjectStore:
    """The object store that a URL names; S3 is not contacted before its first use.

    Args:
        url: `s3://bucket/prefix?endpoint_url=...&region=...`, or `file:///directory`.

    Raises:
        ConfigurationError: the URL names no store, with an example of one that does.
    """
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _malformed("cannot be read as a URL") from None
    if parts.scheme == "file":
        return _directory(parts.netloc, parts.path, query)
    if parts.scheme == "s3":
        return _s3(parts.netloc, parts.path, query)
    found = f"starts with {parts.scheme}://" if parts.scheme else "names neither s3:// nor file://"
    raise _malformed(found)


def proves_conditional_writes(store: ObjectStore, prefix: str) -> bool:
    """Whether the store keeps its promise to create only what is absent, found out by breaking it.

    Writes one key twice and deletes it. Everything rests on this: the record, the lock, each backup.

    Args:
        store: the store to try.
        prefix: where the probe lies, empty or ending in `/`.

    Raises:
        ConfigurationError: the store cannot be used at all.
    """
    key = f"{prefix}probe/{secrets.token_hex(8)}"
    store.create(key, b"first")
    try:
        store.create(key, b"second")
    except AlreadyThere:
        return store.read(key) == b"first"
    finally:
        store.delete(key)
    return False


def _directory(host: str, path: str, query: list[tuple[str, str]]) -> ObjectStore:
    if host not in ("", "localhost") or not path.startswith("/"):
        raise _malformed("names no absolute directory (file: takes three slashes)")
    if query:
        raise _malformed(f"has {query[0][0]!r}, and file: takes no settings")
    return DirectoryStore(Path(unquote(path)))


def _s3(host: str, path: str, query: list[tuple[str, str]]) -> ObjectStore:
    if "@" in host or any("@" in urlsplit(value).netloc for _, value in query):
        raise ConfigurationError(
            "the store's URL holds credentials, which do not belong there",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with AWS_PROFILE",
        )
    if not host:
        raise _malformed("names no bucket")
    for key, _ in query:
        if key not in S3_KEYS:
            near = difflib.get_close_matches(key, S3_KEYS, n=1, cutoff=0.0)[0]
            raise ConfigurationError(f"the store's URL has an unknown setting {key!r}", hint=f"did you mean {near!r}?")
    settings = dict(query)
    from tasks.clients.s3_store import S3Store  # boto3 takes longer to import than most commands to run

    return S3Store(host, path.strip("/"), endpoint_url=settings.get("endpoint_url"), region=settings.get("region"))


def _malformed(found: str) -> ConfigurationError:
    return ConfigurationError(f"the store's URL {found}", hint=f"for example {EXAMPLES}")
