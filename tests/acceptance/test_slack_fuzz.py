"""Whatever is sent to the endpoint, it answers with no 5xx, holds no more memory, and still serves who is honest."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.honest import Honest, policy_text
from tests.acceptance.slack_serving import Served, serving
from tests.servers.slack import APP, CHANNEL, TEAM, Workspace, headers_for, workspace

pytestmark = pytest.mark.xdist_group("slack-fuzz")  # they share one endpoint, and its memory
EXAMPLES = 3400 if os.environ.get("PRESSES") else 30  # of each of the three
GROWTH_MEGABYTES = 25.0
HONEST_SECONDS = 3.0  # then Slack tells a person that it failed

anything = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

NAMES = (
    "type user team id team_id api_app_id channel container message_ts channel_id actions action_id value view state "
    "values reason text private_metadata callback_id"
)
WORDS = "block_actions view_submission button gate_approve gate_reject message modal"
names = st.sampled_from(NAMES.split())
words = st.sampled_from([*WORDS.split(), TEAM, APP, CHANNEL])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | words
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=8)
)
PRESS = {
    "type": "block_actions",
    "user": {"id": "U1", "team_id": TEAM},
    "api_app_id": APP,
    "team": {"id": TEAM},
    "container": {"type": "message", "message_ts": "1.1", "channel_id": CHANNEL},
    "channel": {"id": CHANNEL},
    "actions": [{"type": "button", "action_id": "gate_approve", "value": "x"}],
}
presses = st.dictionaries(st.sampled_from(sorted(PRESS)), trees, max_size=3).map(lambda changed: {**PRESS, **changed})
paths = st.sampled_from(["/slack/interactions", "/github/webhook", "/healthz", "/readyz", "/metrics", "/", "/%00"])
heads = st.dictionaries(
    st.sampled_from(["x-slack-signature", "x-slack-request-timestamp", "content-type", "expect", "x"]),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    max_size=5,
)


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    found: Workspace
    with workspace() as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "gate.toml").write_text(policy_text())
    return folder


@pytest.fixture(scope="module")
def served(slack: Workspace, home: Path) -> Iterator[Served]:
    with serving(slack, home) as found:
        yield found


@pytest.fixture(scope="module")
def honest(slack: Workspace, home: Path, served: Served) -> Honest:
    return Honest(slack, home, served.address)


@pytest.fixture
def meanwhile(honest: Honest) -> Iterator[None]:
    """Whoever is honest is served while a test sends its rubbish: soon, rightly, and no press of theirs is lost."""
    with honest.at_work() as seen:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
    assert seen.wrong == []
    ordered = sorted(seen.seconds)
    print(
        f"\nin {took:.0f} s of fuzz {len(ordered)} honest answers, {seen.presses} of them to presses that are all in "
        f"the record: median {ordered[len(ordered) // 2]:.3f} s, slowest {ordered[-1]:.3f} s"
    )
    assert ordered[-1] < HONEST_SECONDS


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, trust_env=False) as found:
        yield found


@pytest.mark.usefixtures("meanwhile")
@anything
@given(payload=trees | presses)
def test_a_signed_payload_of_any_shape_is_answered(served: Served, client: httpx.Client, payload: object):
    try:
        body = urlencode({"payload": json.dumps(payload)}).encode()
    except UnicodeEncodeError:
        return
    answer = client.post(f"{served.address}/slack/interactions", content=body, headers=headers_for(body))
    assert answer.status_code < 500


@pytest.mark.usefixtures("meanwhile")
@anything
@given(
    path=paths, method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "X"]), headers=heads, body=st.binary()
)
def test_a_request_of_any_kind_is_answered(
    served: Served, client: httpx.Client, path: str, method: str, headers: dict[str, str], body: bytes
):
    raw = [(name.encode(), value.strip().encode("latin-1")) for name, value in headers.items()]
    try:
        answer = client.request(method, served.address + path, content=body, headers=raw)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
        return  # the connection was closed on what is no HTTP
    assert answer.status_code < 500 or (path, answer.status_code) == ("/readyz", 503)


HEAD_LINES = (
    "POST /slack/interactions HTTP/1.1\r\nhost: gate\r\n",
    "GET /healthz HTTP/1.1\r\n",
    "GET http://evil/ HTTP/1.0\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "content-length: 5\r\n",
    "content-length: -1\r\n",
    "transfer-encoding: chunked\r\n",
    "upgrade: websocket\r\n",
    "connection: upgrade\r\n",
    "connection: close\r\n",
    "expect: 100-continue\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "x" * 20_000,
)
BYTES = (b"\x00", b"\xff: \xfe\r\n", b"\x16\x03\x01\x02\x00\x01")
pieces = st.sampled_from([*(line.encode() for line in HEAD_LINES), *BYTES])


@pytest.mark.usefixtures("meanwhile")
@anything
@given(parts=st.lists(pieces | st.binary(max_size=40), max_size=8))
def test_bytes_of_any_kind_get_no_5xx_and_end(served: Served, parts: list[bytes]):
    where = urlsplit(served.address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        try:
            line.sendall(b"".join(parts))
            line.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        except OSError:
            return
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
    assert all(status < 500 for status in statuses), answer


def test_afterwards_it_holds_little_more_memory_and_serves_who_is_honest(served: Served, client: httpx.Client):
    for _ in range(50):
        client.get(f"{served.address}/healthz")
    warm = served.memory_megabytes()
    large = b"payload=" + b"x" * 900_000
    for number in range(EXAMPLES):
        body = large if number % 10 == 0 else b"payload=%7B"
        headers = {**headers_for(body), "x-noise": str(number)}
        assert client.post(f"{served.address}/slack/interactions", content=body, headers=headers).status_code in (
            400,
            409,
        )
        assert client.get(f"{served.address}/nowhere/{number}").status_code == 404
    assert client.get(f"{served.address}/healthz").json() == {"ok": True}
    assert client.get(f"{served.address}/readyz").json() == {"ok": True}
    assert served.memory_megabytes() - warm < GROWTH_MEGABYTES
    figures = client.get(f"{served.address}/metrics").text
    assert "gate_http_defects_total 0.0" in figures
    assert figures.count("route=") < 500
    assert served.process.poll() is None


def test_nothing_that_was_sent_is_in_the_log(served: Served, tmp_path: Path):
    secret = "payload-canary-5521"
    body = f"payload={secret}".encode()
    headers = headers_for(body)
    httpx.post(f"{served.address}/slack/interactions", content=body, headers=headers)
    said = "".join(served.said)
    assert secret not in said
    assert headers["X-Slack-Signature"] not in said
    assert "Traceback" not in said
