"""S3, and what speaks like it: conditional writes, checksums in transit, boto3's own chain of credentials."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from tasks.clients.object_store import AlreadyThere, NotThere, StoredEntry, Unreachable, checked_key
from tasks.clients.patience import patiently, pause
from tasks.clients.s3_failures import DENIED, Conflict, Garbled, Where, speaking
from tasks.clients.s3_upload import WRITER, MultipartUpload, checksum, cut, part_size, written_by
from tasks.gate.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_SECONDS = 5
READ_SECONDS = 60
TRIES = 3  # of one request by boto3, with back-off
ATTEMPTS = 6  # of ours, where the request is one of many and the work before it is worth more patience


class S3Store:
    """Objects below a prefix of one bucket."""

    def __init__(
        self, bucket: str, prefix: str = "", *, endpoint_url: str | None = None, region: str | None = None
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            bucket: name of the bucket.
            prefix: what comes before every key, without slashes at its ends.
            endpoint_url: for anything that is not AWS; the bucket is part of the path then, not of the host.
            region: AWS region; what boto3 finds unless set.

        Raises:
            ConfigurationError: the endpoint, the region or the profile cannot be used.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        at = f" at {endpoint_url}" if endpoint_url else ""
        self._where = Where(bucket, f"s3://{bucket}/{prefix}".rstrip("/") + at, endpoint_url or "AWS S3")
        self._client = _client(self._where, endpoint_url, region)
        self._bucket_seen = False

    def describe(self) -> str:
        """The store's address without credentials, for messages."""
        return self._where.store

    def create(self, key: str, body: bytes) -> None:
        """Write an object only if the key is absent; a reply lost on the way is told from a lost race by a token."""
        token = secrets.token_hex(16)
        patiently(lambda: self._put(key, body, token), attempts=ATTEMPTS, on=(Conflict, Garbled))

    def read(self, key: str) -> bytes:
        """The whole object."""
        return b"".join(self.stream(key))

    def size(self, key: str) -> int | None:
        """Bytes of the object, None when there is none."""
        try:
            with self._speaking(key):
                return self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"]
        except NotThere:
            self._bucket_must_exist()
            return None

    def stream(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """The object in pieces of at most `chunk` bytes; goes on where it was when the connection breaks."""
        place = _Place()
        failures = 0
        while place.at != place.total:
            try:
                for piece in self._pieces(key, place, chunk):
                    failures = 0
                    yield piece
            except AlreadyThere:
                raise ConfigurationError(
                    f"{key} in {self._where.store} was replaced while it was read", hint="find out by whom"
                ) from None
            except Unreachable:
                failures += 1
                if failures == ATTEMPTS:
                    raise
                pause(failures)

    def upload(self, key: str, chunks: Iterable[bytes], part_bytes: int = 8 << 20) -> int:
        """Write a large object from a stream, only if absent; it exists completely or not at all."""
        if self.size(key) is not None:
            raise AlreadyThere(f"{self._where.store} has an object {key} already", key=key)
        parts = cut(chunks, part_bytes)
        first = next(parts, b"")
        if len(first) < part_size(0, part_bytes):
            self.create(key, first)
            return len(first)
        upload = MultipartUpload(self._client, self._bucket, self._key(key), speaking=lambda _key: self._speaking(key))
        return upload.send(chain((first,), parts))

    def keys(self, prefix: str, after: str = "") -> Iterator[StoredEntry]:
        """Objects whose key starts with `prefix`, sorted by key, later than `after`."""
        found = []
        for page in self._pages("list_objects_v2", prefix):
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._prefix)
                if key.encode() > after.encode() and not key.endswith("/"):  # some tools write an object for a folder
                    found.append(StoredEntry(key, entry["Size"]))
        # Not every store sorts as S3 does: some list folder by folder, where `a-b` comes before `a/b`.
        yield from sorted(found, key=lambda entry: entry.key.encode())

    def folders(self, prefix: str) -> Iterator[str]:
        """The next path segments below `prefix`, sorted, without a trailing slash."""
        start = len(self._prefix) + len(prefix)
        pages = self._pages("list_objects_v2", prefix, Delimiter="/")
        found = {entry["Prefix"][start:].rstrip("/") for page in pages for entry in page.get("CommonPrefixes", ())}
        yield from sorted(found, key=str.encode)

    def delete(self, key: str) -> None:
        """Remove an object; no error when it is absent."""
        with self._speaking(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def sweep_uploads(self, prefix: str, older_than_seconds: float = 0.0) -> int:
        """Abort multipart uploads below `prefix` that nobody finished; age is taken by the store's clock."""
        swept = 0
        for page in self._pages("list_multipart_uploads", prefix):
            headers = page["ResponseMetadata"]["HTTPHeaders"]
            now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
            for upload in page.get("Uploads", ()):
                if (now - upload["Initiated"]).total_seconds() >= older_than_seconds:
                    swept += self._abort(upload["Key"], upload["UploadId"])
        return swept

    def _put(self, key: str, body: bytes, token: str) -> None:
        try:
            with self._speaking(key):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(key),
                    Body=body,
                    IfNoneMatch="*",
                    ChecksumSHA256=checksum(body),
                    Metadata={WRITER: token},
                )
        except AlreadyThere:
            if not written_by(self._client, self._bucket, self._key(key), token, lambda _key: self._speaking(key)):
                raise
        except ConfigurationError as refused:
            if (
                refused.nouns.get("code") in DENIED
            ):  # some stores answer so when there is no bucket, not to tell strangers
                self._bucket_must_exist()
            raise

    def _pieces(self, key: str, place: "_Place", chunk: int) -> Iterator[bytes]:
        rest: dict[str, Any] = {"Range": f"bytes={place.at}-", "IfMatch": place.etag} if place.at else {}
        with self._speaking(key):
            reply = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **rest)
        place.etag, place.total = reply["ETag"], place.at + reply["ContentLength"]
        with reply["Body"] as body:
            while True:
                with self._speaking(key):
                    piece = body.read(chunk)
                if not piece:
                    return
                place.at += len(piece)
                yield piece

    def _pages(self, operation: Any, prefix: str, **options: Any) -> Iterator[dict[str, Any]]:
        paginator: Any = self._client.get_paginator(operation)
        with self._speaking():
            yield from paginator.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}", **options)

    def _abort(self, full_key: str, upload: str) -> int:
        try:
            with self._speaking():
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=full_key, UploadId=upload)
        except NotThere:
            return 0
        return 1

    def _bucket_must_exist(self) -> None:
        # A missing bucket and a missing object are the same 404 to a HEAD, and mean very different things.
        if not self._bucket_seen:
            try:
                with self._speaking():
                    self._client.head_bucket(Bucket=self._bucket)
            except NotThere:
                raise ConfigurationError(
                    f"there is no bucket {self._bucket} at {self._where.endpoint}",
                    hint="create it, or correct GATE_STORE_URL",
                ) from None
            self._bucket_seen = True

    def _key(self, key: str) -> str:
        return f"{self._prefix}{checked_key(key)}"

    def _speaking(self, key: str = "") -> AbstractContextManager[None]:
        return speaking(self._where, key)


@dataclass
class _Place:
    """How far an object was read, and which version of it."""

    at: int = 0
    total: int = -1
    etag: str = ""


def _client(where: Where, endpoint_url: str | None, region: str | None) -> "S3Client":
    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        request_checksum_calculation="when_required",  # ours is SHA-256; the default's trailer is not known everywhere
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )
    try:
        with speaking(where):
            session = boto3.session.Session()
            fallback = None if session.region_name or not endpoint_url else "us-east-1"
            return session.client("s3", endpoint_url=endpoint_url, region_name=region or fallback, config=config)
    except ValueError:
        raise ConfigurationError(
            f"{endpoint_url or region} is no endpoint that S3 can have", hint="for example https://s3.example.com"
        ) from None
