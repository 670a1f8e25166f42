"""S3 over a bad line, with bad credentials and at bad addresses: nothing is lost, doubled or said wrongly."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.clients.object_store import AlreadyThere, NotThere, Unreachable
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store, proves_conditional_writes
from tasks.gate.errors import ConfigurationError
from tests.servers.line import Fate, Line, line_to
from tests.servers.seaweed import BUCKET

PART = 5 << 20


@pytest.fixture
def line(s3_server: SeaweedServer, s3_url: str) -> Iterator[Line]:
    with line_to(s3_server) as line:
        yield line


@pytest.fixture
def over_the_line(line: Line, s3_url: str) -> str:
    return line.url(BUCKET, s3_url.partition("?")[0].removeprefix(f"s3://{BUCKET}/"))


def once(operation: str, fate: Fate, at: int = 1) -> Callable[[str, int], Fate]:
    return lambda seen, count: fate if (seen, count) == (operation, at) else Fate.PASS


def open_uploads(server: SeaweedServer, prefix: str) -> list[str]:
    uploads = server.client().list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
    return [upload["Key"] for upload in uploads]


def prefix_of(url: str) -> str:
    return url.partition("?")[0].removeprefix(f"s3://{BUCKET}/")


def test_a_write_whose_reply_was_lost_is_known_as_ours(line: Line, over_the_line: str) -> None:
    line.fate = once("put", Fate.LOST_REPLY)
    store = open_store(over_the_line)
    store.create("shop/log/0001.json", b"ours")
    assert line.seen["put"] > 1
    assert store.read("shop/log/0001.json") == b"ours"
    with pytest.raises(AlreadyThere):
        store.create("shop/log/0001.json", b"ours")


def test_a_completion_whose_reply_was_lost_is_known_as_ours(line: Line, over_the_line: str) -> None:
    line.fate = once("complete", Fate.LOST_REPLY)
    body = os.urandom(11 << 20)
    assert len(body) == open_store(over_the_line).upload("dump", [body], part_bytes=PART)
    assert line.seen["complete"] > 1
    assert body == open_store(over_the_line).read("dump")


def test_a_third_of_all_requests_refused_as_busy_does_not_stop_an_upload(line: Line, over_the_line: str) -> None:
    line.fate = lambda _operation, count: Fate.BUSY if count % 3 == 1 else Fate.PASS
    body = os.urandom(21 << 20)
    assert len(body) == open_store(over_the_line).upload("dump", [body], part_bytes=PART)
    assert line.seen["part"] > 5
    assert body == open_store(over_the_line).read("dump")


def test_a_bit_flipped_on_the_way_up_is_noticed_by_the_store_and_sent_again(line: Line, over_the_line: str) -> None:
    line.fate = lambda operation, count: Fate.FLIPPED if operation in ("part", "put") and count == 1 else Fate.PASS
    store = open_store(over_the_line)
    body = os.urandom(11 << 20)
    store.upload("dump", [body], part_bytes=PART)
    store.create("small", b"small")
    assert (line.seen["part"], line.seen["put"]) == (4, 2)
    assert (body, b"small") == (store.read("dump"), store.read("small"))


def test_a_part_that_never_arrives_ends_the_upload_and_leaves_nothing(
    line: Line, over_the_line: str, s3_server: SeaweedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clients.s3_upload.ATTEMPTS", 2)
    line.fate = lambda operation, _count: Fate.BUSY if operation == "part" else Fate.PASS
    with pytest.raises(Unreachable, match=r"could not write .*dump.*: it answered SlowDown"):
        open_store(over_the_line).upload("dump", [os.urandom(11 << 20)], part_bytes=PART)
    assert open_store(over_the_line).size("dump") is None
    assert open_uploads(s3_server, prefix_of(over_the_line)) == []


def test_a_download_that_breaks_goes_on_where_it_was(line: Line, over_the_line: str) -> None:
    store = open_store(over_the_line)
    body = os.urandom(3 << 20)
    store.create("dump", body)
    line.fate = once("get", Fate.CUT_REPLY)
    assert body == b"".join(store.stream("dump", 1 << 16))
    assert line.seen["get"] == 2


def test_an_object_that_is_replaced_during_a_broken_download_is_not_mixed(
    line: Line, over_the_line: str, s3_server: SeaweedServer
) -> None:
    store = open_store(over_the_line)
    store.create("dump", b"a" * (1 << 20))
    line.fate = once("get", Fate.CUT_REPLY)
    pieces = store.stream("dump", 1 << 16)
    next(pieces)
    s3_server.client().put_object(Bucket=BUCKET, Key=f"{prefix_of(over_the_line)}/dump", Body=b"b" * (1 << 20))
    with pytest.raises(ConfigurationError, match="was replaced while it was read"):
        list(pieces)


def test_a_store_that_ignores_if_none_match_is_found_out(line: Line, over_the_line: str) -> None:
    line.fate = lambda _operation, _count: Fate.UNCONDITIONAL
    assert not proves_conditional_writes(open_store(over_the_line), "shop/")
    assert list(open_store(over_the_line).keys("")) == []


def test_no_multipart_upload_is_left_by_a_producer_that_dies(s3_url: str, s3_server: SeaweedServer) -> None:
    def dying() -> Iterator[bytes]:
        yield b"x" * (PART + 1)
        assert open_uploads(s3_server, prefix_of(s3_url)) == [f"{prefix_of(s3_url)}/dump"]
        raise RuntimeError("pg_dump died")

    with pytest.raises(RuntimeError, match="pg_dump died"):
        open_store(s3_url).upload("dump", dying(), part_bytes=PART)
    assert open_uploads(s3_server, prefix_of(s3_url)) == []


def refusal(url: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as raised:
        open_store(url).create("key", b"")
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "no secret is set")
    assert secret not in str(raised.value)
    assert raised.value.hint
    return raised.value


def test_a_bucket_that_is_missing_is_named(s3_server: SeaweedServer, s3_url: str) -> None:
    url = s3_server.url("nobodys-bucket")
    assert refusal(url).message == f"there is no bucket nobodys-bucket at {s3_server.endpoint}"
    for ask in (lambda: open_store(url).size("key"), lambda: list(open_store(url).keys(""))):
        with pytest.raises(ConfigurationError, match="there is no bucket nobodys-bucket"):
            ask()
    with pytest.raises((ConfigurationError, NotThere)):
        open_store(url).read("key")


def test_a_wrong_secret_and_an_unknown_key_are_told_apart(
    s3_server: SeaweedServer, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-this-key")
    assert refusal(s3_url).message == f"{s3_server.endpoint} refuses the secret key that was used"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NOBODYSKEY")
    assert refusal(s3_url).message == f"{s3_server.endpoint} does not know the access key that was used"


def test_missing_credentials_and_a_missing_profile_are_said(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    error = refusal(s3_url)
    assert error.message.startswith(f"no credentials were found for s3://{BUCKET}/")
    assert error.hint == "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with AWS_PROFILE"
    monkeypatch.setenv("AWS_PROFILE", "nobodys-profile")
    assert refusal(s3_url).message == "AWS_PROFILE names a profile that is not configured"


def test_a_store_that_may_only_be_read_says_what_is_not_allowed(
    s3_server: SeaweedServer, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(s3_url).create("there", b"x")
    for name, value in s3_server.reader_environment.items():
        monkeypatch.setenv(name, value)
    assert open_store(s3_url).read("there") == b"x"
    error = refusal(s3_url)
    assert error.message.startswith(f"the credentials may not write key in s3://{BUCKET}/")
    assert "s3:PutObject" in error.hint


def test_an_endpoint_where_nobody_listens_is_said_soon(s3_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        start = time.monotonic()
        error = refusal(f"s3://{BUCKET}/x?endpoint_url={endpoint}")
        assert isinstance(error, Unreachable)
        assert error.message == f"{endpoint} does not answer (no connection)"
        assert time.monotonic() - start < 15


def test_tls_where_there_is_none_is_said(s3_server: SeaweedServer, s3_url: str) -> None:
    endpoint = s3_server.endpoint.replace("http:", "https:")
    error = refusal(f"s3://{BUCKET}/x?endpoint_url={endpoint}")
    assert error.message == f"no trusted TLS connection to {endpoint} could be made"
    assert "http or https" in error.hint


def test_an_endpoint_that_is_no_url_is_said() -> None:
    with pytest.raises(ConfigurationError, match="is no endpoint that S3 can have"):
        open_store("s3://bucket/x?endpoint_url=localhost")
