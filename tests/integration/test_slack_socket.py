"""Without a public address Slack's presses come through a socket, and are checked like all others."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flows.web import slack_messages
from tests.integration.slack_stage import JON, Stage, stage, wait_until
from tests.servers.slack import Workspace, workspace
from tests.servers.slack_socket import Socket, socket_mode


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


@pytest.fixture
def socket(slack: Workspace) -> Iterator[Socket]:
    with socket_mode(slack) as found:
        yield found


@pytest.fixture
def here(slack: Workspace, socket: Socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(slack_messages, "POLL_SECONDS", 0.1)
    monkeypatch.setattr("flows.web.slack_socket.SHORT_PAUSE", 0.05)
    with stage(slack, tmp_path, slack_app_token="xapp-canary-4711", slack_signing_secret=None) as found:
        yield found


def test_a_press_through_the_socket_decides_once(here: Stage, socket: Socket):
    here.ask()
    payload = here.slack.payload(here.message(), JON, "gate_approve")
    assert socket.press(payload) == {"envelope_id": "e-1"}
    assert [d.body["identity"] for d in here.decisions()] == [JON]
    assert socket.press(payload) == {"envelope_id": "e-1"}
    assert len(here.decisions()) == 1
    assert httpx.post(f"{here.address}/slack/interactions").status_code == 404


def test_a_form_is_answered_through_the_socket(here: Stage, socket: Socket):
    here.ask()
    socket.press(here.slack.payload(here.message(), JON, "gate_reject"))
    wait_until(lambda: bool(here.slack.views), "the form")
    view = here.slack.views[0]["view"]
    refused = socket.press(here.slack.form_payload(view, JON, ""), "e-2")
    assert refused["payload"] == {"response_action": "errors", "errors": {"reason": "say in a few words why"}}
    assert socket.press(here.slack.form_payload(view, JON, "not now"), "e-3") == {"envelope_id": "e-3"}
    assert [d.kind for d in here.decisions()] == ["rejected"]


def test_who_is_not_allowed_behind_http_is_not_allowed_here(here: Stage, socket: Socket):
    here.ask()
    press = here.slack.payload(here.message(), JON, "gate_approve")
    for number, payload in enumerate(
        [{**press, "team": {"id": "T0OTHER"}}, {**press, "api_app_id": "A0OTHER"}, {"type": "x"}, None, [], "text"]
    ):
        assert socket.press(payload, f"bad-{number}") == {"envelope_id": f"bad-{number}"}
    guest = here.slack.payload(here.message(), "U0GUEST", "gate_approve")
    socket.press(guest, "guest")
    assert here.decisions() == []


def test_a_connection_that_ends_or_talks_rubbish_is_opened_again(here: Stage, socket: Socket):
    here.ask()
    socket.send("no JSON")
    socket.send("[]")
    socket.send({"type": "disconnect", "reason": "refresh_requested"})
    wait_until(lambda: socket.connections >= 2, "a second connection")
    assert socket.line is not None
    socket.line.close()
    wait_until(lambda: socket.connections >= 3, "a third connection")
    socket.press(here.slack.payload(here.message(), JON, "gate_approve"), "late")
    assert len(here.decisions()) == 1
