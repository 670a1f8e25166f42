"""Whether Slack signed a request, decided over its raw bytes before anything in it is read.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

WINDOW_SECONDS = 300
TIMESTAMP, SIGNATURE = b"x-slack-request-timestamp", b"x-slack-signature"
_DIGITS = re.compile(rb"[0-9]{1,11}")
_SIGNED = re.compile(rb"v0=[0-9a-f]{64}")


def signed(secret: str, timestamp: str, body: bytes) -> str:
    """The signature that Slack sends with a body."""
    basis = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), basis, hashlib.sha256).hexdigest()


def forgery(secret: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: float) -> str:
    """Why a request is not Slack's, in a word for the figures; empty when it is.

    Args:
        secret: the app's signing secret.
        headers: name in lower case and value, as they came, repeated ones included.
        body: the bytes as they came.
        now: seconds since 1970.
    """
    timestamps = [value for name, value in headers if name == TIMESTAMP]
    signatures = [value for name, value in headers if name == SIGNATURE]
    if len(timestamps) != 1 or len(signatures) != 1:
        return "headers"
    if not _DIGITS.fullmatch(timestamps[0]) or not _SIGNED.fullmatch(signatures[0]):
        return "malformed"
    if abs(now - int(timestamps[0])) > WINDOW_SECONDS:
        return "time"
    wanted = signed(secret, timestamps[0].decode(), body)
    return "" if secret and hmac.compare_digest(wanted.encode(), signatures[0]) else "signature"
