"""Each code with which S3 stores refuse becomes one sentence with a remedy."""

import pytest
from botocore import exceptions as boto

from tasks.clients.object_store import AlreadyThere, NotThere, Unreachable
from tasks.clients.s3_failures import Conflict, Garbled, Where, speaking
from tasks.gate.errors import ConfigurationError, GateError

WHERE = Where("bucket", "s3://bucket/prefix at https://s3.example.com", "https://s3.example.com")


def said(error: Exception, key: str = "shop/log/0001.json") -> GateError:
    with pytest.raises(GateError) as raised, speaking(WHERE, key):
        raise error
    return raised.value


def answer(code: str, status: int, operation: str = "PutObject", message: str = "") -> boto.ClientError:
    body = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(body, operation)


@pytest.mark.parametrize(
    ("code", "status", "sentence"),
    [
        ("NoSuchBucket", 404, "there is no bucket bucket at https://s3.example.com"),
        ("InvalidBucketName", 400, "bucket is no valid name of a bucket"),
        ("InvalidAccessKeyId", 403, "https://s3.example.com does not know the access key that was used"),
        ("SignatureDoesNotMatch", 403, "https://s3.example.com refuses the secret key that was used"),
        ("ExpiredToken", 400, "the credentials for s3://bucket/prefix at https://s3.example.com have expired"),
        ("InvalidToken", 400, "https://s3.example.com refuses the session token that was used"),
        ("RequestTimeTooSkewed", 403, "this machine's clock and the clock of https://s3.example.com differ too much"),
        ("PermanentRedirect", 301, "bucket bucket lies in another region"),
        ("AuthorizationHeaderMalformed", 400, "bucket bucket lies in another region"),
        ("QuotaExceeded", 400, "s3://bucket/prefix at https://s3.example.com is full"),
        (
            "AccessDenied",
            403,
            "the credentials may not write shop/log/0001.json in s3://bucket/prefix at https://s3.example.com",
        ),
        (
            "405",
            405,
            f"https://s3.example.com refuses to write shop/log/0001.json in {WHERE.store}: it answered 405 405",
        ),
    ],
)
def test_a_code_becomes_one_sentence_with_a_remedy(code: str, status: int, sentence: str) -> None:
    error = said(answer(code, status))
    assert isinstance(error, ConfigurationError)
    assert not isinstance(error, Unreachable)
    assert error.message == sentence
    assert error.hint


@pytest.mark.parametrize(
    ("operation", "verb"), [("GetObject", "read"), ("ListObjectsV2", "list"), ("DeleteObject", "delete")]
)
def test_a_denied_request_names_what_is_not_allowed(operation: str, verb: str) -> None:
    assert said(answer("AccessDenied", 403, operation)).message.startswith(f"the credentials may not {verb} ")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("PreconditionFailed", 412, AlreadyThere),
        ("NoSuchKey", 404, NotThere),
        ("NoSuchUpload", 404, NotThere),
        ("ConditionalRequestConflict", 409, Conflict),
        ("BadDigest", 400, Garbled),
        ("SlowDown", 503, Unreachable),
        ("InternalError", 500, Unreachable),
        ("RequestTimeout", 400, Unreachable),
        ("TooManyRequests", 429, Unreachable),
    ],
)
def test_what_can_be_acted_upon_has_a_kind_of_its_own(code: str, status: int, kind: type[GateError]) -> None:
    assert type(said(answer(code, status))) is kind


def test_a_server_that_cannot_do_conditional_writes_is_refused_by_name() -> None:
    error = said(answer("NotImplemented", 501))
    assert "cannot write shop/log/0001.json" in error.message
    assert "If-None-Match" in error.message


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (boto.EndpointConnectionError(endpoint_url="https://s3.example.com"), "no connection"),
        (boto.EndpointConnectionError(endpoint_url="x", error="[Errno -2] Name or service not known"), "unknown host"),
        (boto.ConnectTimeoutError(endpoint_url="https://s3.example.com"), "time ran out"),
        (boto.ReadTimeoutError(endpoint_url="https://s3.example.com"), "time ran out"),
        (boto.ConnectionClosedError(endpoint_url="https://s3.example.com"), "the connection broke"),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), "the connection broke"),
        (boto.ProxyConnectionError(proxy_url="http://user:topsecret@proxy", error="x"), "the proxy cannot be reached"),
    ],
)
def test_a_store_that_does_not_answer_is_unreachable_with_the_cause(error: Exception, cause: str) -> None:
    found = said(error)
    assert isinstance(found, Unreachable)
    assert found.message == f"https://s3.example.com does not answer ({cause})"
    assert "topsecret" not in str(found)


def test_every_other_error_of_boto3_is_one_about_credentials_or_settings() -> None:
    error = said(boto.CredentialRetrievalError(provider="process", error_msg="topsecret"))
    assert error.message == (
        "the credentials or settings for s3://bucket/prefix at https://s3.example.com cannot be used "
        "(CredentialRetrievalError)"
    )
    assert "topsecret" not in str(error)
