"""One large object, part by part: each with its checksum and retries, completed only if the key is still absent."""

import base64
import hashlib
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Protocol

from tasks.clients.object_store import AlreadyThere, NotThere, Unreachable
from tasks.clients.patience import patiently
from tasks.gate.errors import GateError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

WRITER = "gate-writer"  # metadata: a random token that tells our own object from a rival's after a lost reply
SMALLEST_PART = 5 << 20  # S3's limits: 5 MiB to 5 GiB a part, 10,000 parts
LARGEST_PART = 5 << 30
PARTS_PER_SIZE = 900
SENDERS = 3  # parts on their way at a time
IN_FLIGHT = 48 << 20  # bytes on their way at a time, unless a single part is larger
ATTEMPTS = 6


class Speaking(Protocol):
    """Turns boto3's errors into ours; see `tasks.clients.s3_failures.speaking`."""

    def __call__(self, key: str) -> AbstractContextManager[None]:
        """For one request on a key."""
        ...


def part_size(number: int, smallest: int) -> int:
    """Bytes of part `number` (from 0): doubled every 900 parts, so that 10,000 hold S3's 5 TiB whatever comes."""
    return min(max(smallest, SMALLEST_PART) << (number // PARTS_PER_SIZE), LARGEST_PART)


def cut(chunks: Iterable[bytes], smallest: int) -> Iterator[bytes]:
    """A stream as parts; only the last may be shorter than its size."""
    number = 0
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= (size := part_size(number, smallest)):
            yield bytes(memoryview(buffer)[:size])
            buffer = bytearray(memoryview(buffer)[size:])
            number += 1
    if buffer:
        yield bytes(buffer)


def checksum(body: bytes) -> str:
    """SHA-256 as S3 wants it: base64."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


class MultipartUpload:
    """An upload that ends as an object or as nothing."""

    def __init__(self, client: "S3Client", bucket: str, key: str, *, speaking: Speaking) -> None:
        """Nothing is sent yet."""
        self._client = client
        self._bucket = bucket
        self._key = key
        self._speaking = speaking
        self._token = secrets.token_hex(16)
        self._id = ""
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._bytes = 0

    def send(self, parts: Iterable[bytes]) -> int:
        """Send all parts and complete; returns the bytes.

        When `parts` raises, or anything else does, the upload is aborted and the error goes on.

        Raises:
            AlreadyThere: somebody wrote the key meanwhile.
            Unreachable: a part could not be sent, again and again.
        """
        with self._speaking(self._key):
            self._id = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ChecksumAlgorithm="SHA256", Metadata={WRITER: self._token}
            )["UploadId"]
        try:
            with ThreadPoolExecutor(SENDERS, thread_name_prefix="upload") as senders:
                try:
                    self._send_all(parts, senders)
                except BaseException:
                    senders.shutdown(wait=True, cancel_futures=True)
                    raise
            self._complete([part.result() for part in self._parts])
        except BaseException:
            self._abort()
            raise
        return self._bytes

    def _send_all(self, parts: Iterable[bytes], senders: ThreadPoolExecutor) -> None:
        flying: deque[tuple[Future[CompletedPartTypeDef], int]] = deque()
        for number, body in enumerate(parts, start=1):
            while flying and sum(size for _, size in flying) + len(body) > IN_FLIGHT:
                flying.popleft()[0].result()
            part = senders.submit(patiently, lambda n=number, b=body: self._send(n, b), attempts=ATTEMPTS)
            self._parts.append(part)
            flying.append((part, len(body)))
            self._bytes += len(body)
            for earlier in self._parts[-SENDERS:]:
                if earlier.done():
                    earlier.result()  # a part that failed for good ends the upload now, not at its end
        for part, _ in flying:
            part.result()

    def _send(self, number: int, body: bytes) -> "CompletedPartTypeDef":
        digest = checksum(body)
        with self._speaking(self._key):
            reply = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=body,
                ChecksumSHA256=digest,
            )
        return {"PartNumber": number, "ETag": reply["ETag"], "ChecksumSHA256": digest}

    def _complete(self, parts: "list[CompletedPartTypeDef]") -> None:
        patiently(lambda: self._try_to_complete(parts), attempts=ATTEMPTS)

    def _try_to_complete(self, parts: "list[CompletedPartTypeDef]") -> None:
        try:
            with self._speaking(self._key):
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._id,
                    MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )
        except (AlreadyThere, NotThere, Unreachable) as refused:
            # The reply to an earlier try may have been lost: then the upload is gone because it is complete.
            if not written_by(self._client, self._bucket, self._key, self._token, self._speaking):
                if isinstance(refused, NotThere):
                    raise Unreachable(
                        f"the upload of {self._key} was aborted by somebody else", hint="start it again"
                    ) from None
                raise

    def _abort(self) -> None:
        with suppress(GateError), self._speaking(self._key):  # what stays is aborted by the next run's sweep
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)


def written_by(client: "S3Client", bucket: str, key: str, token: str, speaking: Speaking) -> bool:
    """Whether the object that is there now was written with this token."""
    try:
        with speaking(key):
            return client.head_object(Bucket=bucket, Key=key)["Metadata"].get(WRITER) == token
    except NotThere:
        return False
