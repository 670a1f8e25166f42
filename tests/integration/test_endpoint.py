"""The endpoint holds its limits whatever is sent, and says how it is."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from config.policy import Policy
from config.settings import Settings
from flows.web import endpoint, limits
from flows.web.run import serving_doors
from tasks.clients.object_store import Unreachable
from tasks.gate.errors import ConfigurationError


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    settings = Settings.model_validate(
        {"target": "shop", "store_url": tmp_path.as_uri(), "serve_listen": "127.0.0.1:0"}
    )
    with serving_doors(settings, Policy) as found:
        yield found


def raw(address: str, request: bytes, seconds: float = 5.0) -> bytes:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as line:
        line.sendall(request)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer


def test_it_says_that_it_lives_that_it_is_ready_and_what_it_counted(address: str):
    assert httpx.get(f"{address}/healthz").json() == {"ok": True}
    assert httpx.get(f"{address}/readyz").json() == {"ok": True}
    counted = httpx.get(f"{address}/metrics").text
    assert 'gate_http_answers_total{route="/healthz",status="200"} 1.0' in counted


def test_an_unknown_path_is_counted_as_one_whatever_its_name(address: str):
    for name in ("a", "b"):
        assert httpx.get(f"{address}/{name}").status_code == 404
    assert 'gate_http_answers_total{route="other",status="404"} 2.0' in httpx.get(f"{address}/metrics").text


def test_a_body_beyond_the_limit_is_refused_whether_it_is_announced_or_not(address: str):
    large = b"x" * (limits.BODY_BYTES + 1)
    assert httpx.post(f"{address}/healthz", content=large).status_code == 413
    assert httpx.post(f"{address}/healthz", content=iter([large])).status_code == 413


def test_headers_beyond_the_limit_are_refused(address: str):
    many = {f"x-{n}": "1" for n in range(limits.HEADERS)}
    assert httpx.get(f"{address}/healthz", headers=many).status_code == 431
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"y" * limits.HEADER_BYTES + b"\r\n\r\n"
    assert raw(address, head).startswith(b"HTTP/1.1 431 ")


def test_a_body_that_does_not_arrive_is_not_waited_for(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    answer = raw(address, b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(endpoint, "HEAD_SECONDS", 0.4)
    settings = Settings.model_validate({"store_url": tmp_path.as_uri(), "serve_listen": "127.0.0.1:0"})
    with serving_doors(settings, Policy) as address:
        assert raw(address, b"GET /heal") == b""


def connected(address: str, number: int) -> list[socket.socket]:
    parts = urlsplit(address)
    return [socket.create_connection((parts.hostname, parts.port), timeout=5) for _ in range(number)]


def test_silent_connections_lose_their_place_to_whoever_comes_with_a_request(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(endpoint, "CONNECTIONS", 20)
    silent = connected(address, 60)
    try:
        for _ in range(5):
            assert httpx.get(f"{address}/healthz").status_code == 200
        with contextlib.suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""
    finally:
        for line in silent:
            line.close()


def test_bodies_that_arrive_slowly_keep_nobody_out(address: str):
    slow = connected(address, limits.AT_ONCE + 10)
    try:
        for line in slow:
            line.sendall(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\na")
        assert httpx.get(f"{address}/healthz").status_code == 200
    finally:
        for line in slow:
            line.close()


def test_large_bodies_are_read_only_while_there_is_room_and_small_ones_always(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "ROOM_BYTES", 300_000)
    half = b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n" + b"x" * 250_000
    waiting = connected(address, 1)
    try:
        waiting[0].sendall(half)
        time.sleep(0.3)
        assert httpx.post(f"{address}/healthz", content=b"x" * 200_000).status_code == 429
        assert httpx.post(f"{address}/healthz", content=b"x" * 50_000).status_code == 405
    finally:
        waiting[0].close()


def test_a_store_that_hangs_makes_it_unready_in_time_and_leaves_it_alive(address: str, monkeypatch: pytest.MonkeyPatch):
    hanging = threading.Event()
    monkeypatch.setattr("flows.web.health.READY_SECONDS", 0.3)
    monkeypatch.setattr("tasks.target_log.TargetLog.current", lambda _self: hanging.wait(10))
    answer = httpx.get(f"{address}/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "reason": "the store does not answer in time"}
    assert httpx.get(f"{address}/healthz").status_code == 200
    hanging.set()


def test_the_figures_are_those_of_the_documentation(address: str):
    said = httpx.get(f"{address}/metrics").text
    told = {line.split()[2] for line in said.splitlines() if line.startswith("# HELP")}
    told -= {name for name in told if name.endswith("_created")}  # when counting began
    written = re.findall(
        r"^\| `(gate_[a-z_]+)", (Path(__file__).parents[2] / "docs/metrics.md").read_text(), re.MULTILINE
    )
    assert {name.removesuffix("_total") for name in told} == {name.removesuffix("_total") for name in written}
    assert "gate_store_up 1.0" in said


def test_a_store_that_is_away_costs_its_figures_only(address: str, monkeypatch: pytest.MonkeyPatch):
    def away(_self: object, _now: object) -> None:
        raise Unreachable("the store does not answer")

    monkeypatch.setattr("tasks.measured.Watched.measure", away)
    said = httpx.get(f"{address}/metrics")
    assert said.status_code == 200
    assert "gate_store_up 0.0" in said.text
    assert "gate_http_answers_total" in said.text


def test_an_address_that_is_taken_is_one_line_with_what_to_do(address: str, tmp_path: Path):
    settings = Settings.model_validate(
        {"store_url": tmp_path.as_uri(), "serve_listen": address.removeprefix("http://")}
    )
    taken = pytest.raises(ConfigurationError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use")
    with taken, serving_doors(settings, Policy):
        raise AssertionError("it began to serve")
