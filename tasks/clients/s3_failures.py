"""What an S3 store's refusal means, by its code: one sentence and one remedy, and nothing that is secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from tasks.clients.object_store import AlreadyThere, NotThere, Unreachable
from tasks.gate.errors import ConfigurationError, GateError

CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with AWS_PROFILE"
PRIVILEGES = (
    "the credentials need s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket "
    "and s3:ListBucketMultipartUploads there"
)
ABSENT = ("NoSuchKey", "NoSuchUpload", "404", "NotFound")
DENIED = ("AccessDenied", "403")
TRANSIENT = ("SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable")
GARBLED = ("BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody")
SENTENCES = {
    "NoSuchBucket": ("there is no bucket {bucket} at {endpoint}", "create it, or correct GATE_STORE_URL"),
    "InvalidBucketName": ("{bucket} is no valid name of a bucket", "correct GATE_STORE_URL"),
    "InvalidAccessKeyId": ("{endpoint} does not know the access key that was used", CREDENTIALS),
    "SignatureDoesNotMatch": ("{endpoint} refuses the secret key that was used", CREDENTIALS),
    "ExpiredToken": ("the credentials for {store} have expired", "renew them, for example with `aws sso login`"),
    "InvalidToken": ("{endpoint} refuses the session token that was used", CREDENTIALS),
    "AccessDenied": ("the credentials may not {verb} {what}", PRIVILEGES),
    "403": ("the credentials may not {verb} {what}", PRIVILEGES),
    "RequestTimeTooSkewed": (
        "this machine's clock and the clock of {endpoint} differ too much",
        "set this machine's clock (`timedatectl status`)",
    ),
    "PermanentRedirect": ("bucket {bucket} lies in another region", "add ?region=... to GATE_STORE_URL"),
    "AuthorizationHeaderMalformed": ("bucket {bucket} lies in another region", "add ?region=... to GATE_STORE_URL"),
    "NotImplemented": (
        "{endpoint} cannot {verb} {what} in the way that the gate needs (If-None-Match, SHA-256 checksums)",
        "use a store with conditional writes, or a directory (file:///...)",
    ),
    "QuotaExceeded": ("{store} is full", "free some space or raise the quota"),
    "XMinioStorageFull": ("{store} is full", "free some space or raise the quota"),
}
VERBS = {"Put": "write", "Create": "write", "Upload": "write", "Complete": "write", "Get": "read", "Head": "read"}
VERBS |= {"List": "list", "Delete": "delete", "Abort": "abort an upload to"}


class Conflict(Unreachable):
    """Somebody writes the same key at this very moment (409): which of the two wins is not known yet."""


class Garbled(Unreachable):
    """The store received other bytes than were sent."""


@dataclass(frozen=True)
class Where:
    """What a sentence may name."""

    bucket: str
    store: str  # the store's address, without credentials
    endpoint: str


@contextmanager
def speaking(where: Where, key: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into the gate's own errors.

    Raises:
        AlreadyThere: a condition of the request does not hold (412).
        NotThere: no such object.
        Conflict: another write of the same key is under way (409).
        Garbled: the bytes were altered on the way.
        Unreachable: the store does not answer, or says that it cannot now.
        ConfigurationError: everything else.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _answered(error, where, key) from None
    except boto.BotoCoreError as error:
        raise _unanswered(error, where) from None
    except ResponseParserError:
        raise ConfigurationError(
            f"{where.endpoint} does not speak S3", hint="correct endpoint_url in GATE_STORE_URL"
        ) from None


def _answered(error: boto.ClientError, where: Where, key: str) -> GateError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    what = f"{key} in {where.store}" if key else where.store
    verb = next((verb for start, verb in VERBS.items() if error.operation_name.startswith(start)), "use")
    if code in ("PreconditionFailed", "412"):
        return AlreadyThere(f"{where.store} has an object {key} already", key=key)
    if code in ABSENT:
        return NotThere(f"{where.store} has no object {key}", key=key)
    if status == 409:  # noqa: PLR2004
        return Conflict(f"another process writes {what} at this moment", hint="try again", key=key)
    if code in GARBLED:
        return Garbled(f"{what} did not arrive at {where.endpoint} as it was sent ({code})", hint="check the network")
    if code in SENTENCES:
        message, hint = SENTENCES[code]
        words = {"bucket": where.bucket, "store": where.store, "endpoint": where.endpoint, "verb": verb, "what": what}
        return ConfigurationError(message.format(**words), hint=hint, code=code)
    if status >= 500 or status == 429 or code in TRANSIENT:  # noqa: PLR2004
        return Unreachable(f"{where.endpoint} could not {verb} {what}: it answered {code}", hint="try again later")
    if status in (301, 307, 400) and "region" in str(error).lower():
        return ConfigurationError(
            f"bucket {where.bucket} lies in another region", hint=SENTENCES["PermanentRedirect"][1]
        )
    return ConfigurationError(
        f"{where.endpoint} refuses to {verb} {what}: it answered {status} {code}",
        hint="check that GATE_STORE_URL names an S3 endpoint and a bucket there",
    )


def _unanswered(error: boto.BotoCoreError, where: Where) -> ConfigurationError:
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return ConfigurationError(f"no credentials were found for {where.store}", hint=CREDENTIALS)
    if isinstance(error, boto.ProfileNotFound):
        return ConfigurationError("AWS_PROFILE names a profile that is not configured", hint=CREDENTIALS)
    if isinstance(error, boto.SSLError):
        return ConfigurationError(
            f"no trusted TLS connection to {where.endpoint} could be made",
            hint="check endpoint_url (http or https?); a private authority's certificate is named by AWS_CA_BUNDLE",
        )
    if isinstance(error, boto.ParamValidationError):
        return ConfigurationError(f"{where.store} is no valid address of a bucket", hint="correct GATE_STORE_URL")
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError | boto.IncompleteReadError):
        return Unreachable(
            f"{where.endpoint} does not answer ({_cause(error)})",
            hint="check endpoint_url in GATE_STORE_URL, the network and that the store runs",
        )
    name = type(error).__name__
    return ConfigurationError(
        f"the credentials or settings for {where.store} cannot be used ({name})", hint=CREDENTIALS
    )


def _cause(error: boto.BotoCoreError) -> str:
    text = str(error.kwargs.get("error", "")).lower()
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return "time ran out"
    if isinstance(error, boto.ProxyConnectionError):
        return "the proxy cannot be reached"
    if "name or service not known" in text or "name resolution" in text or "nodename" in text:
        return "unknown host"
    return "no connection" if isinstance(error, boto.EndpointConnectionError) else "the connection broke"
