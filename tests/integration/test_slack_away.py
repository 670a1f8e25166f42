"""Slack, the store or Prefect slow, away or half there: nothing is lost or decided twice, and people hear of it."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from config.policy import Policy
from tasks.clients.object_store import Unreachable
from tasks.gate.errors import ConfigurationError
from tests.integration.slack_fixtures import here, slack
from tests.integration.slack_stage import JON, Stage, stage, wait_until
from tests.servers.slack import Workspace, send
from tests.servers.slack_limits import as_read

__all__ = ["here", "slack"]  # fixtures


def test_where_files_are_not_allowed_the_message_names_the_command(here: Stage):
    here.slack.fails("files.getUploadURLExternal", "file_uploads_disabled")
    here.ask()
    wait_until(lambda: bool(here.slack.top()), "a message")
    assert f"The whole plan: gate report {here.release}" in as_read(here.slack.top()[0].blocks)
    assert here.slack.files == {}


def test_slack_down_loses_nothing_and_the_message_comes_when_it_is_back(here: Stage):
    here.slack.away = True
    record = here.ask()
    wait_until(lambda: here.slack.knocks > 0, "a call in vain")
    record.append("noted", {"sentence": "the release goes on all the same"})
    here.slack.away = False
    message = here.message()
    assert message.buttons


def test_a_post_that_may_have_arrived_is_void_and_posted_anew_under_another_id(here: Stage):
    here.slack.acts_then_hangs.add("chat.postMessage")
    here.ask()
    wait_until(lambda: "voided" in here.notes(), "the void")
    here.slack.acts_then_hangs.clear()
    wait_until(lambda: "posted" in here.notes(), "the second message")
    first, second = here.slack.top()[0], here.slack.top()[-1]
    assert first.buttons["gate_approve"]["value"] != second.buttons["gate_approve"]["value"]
    send(here.address, here.slack.payload(first, JON, "gate_approve"))
    assert here.told() == "this message was replaced by a newer one, whose buttons count; nothing was decided"
    assert here.decisions() == []
    send(here.address, here.slack.payload(second, JON, "gate_approve"))
    assert len(here.decisions()) == 1


def test_a_release_that_ends_before_its_message_is_known_says_its_end_in_the_channel(here: Stage):
    here.slack.acts_then_hangs.add("chat.postMessage")
    record = here.ask()
    wait_until(lambda: "voided" in here.notes(), "the void")
    here.end(record, sentence="it is in production for good")
    here.slack.acts_then_hangs.clear()
    wait_until(lambda: "It is in production for good" in here.slack.top()[-1].text, "the end in the channel")
    assert here.slack.top()[-1].buttons == {}
    wait_until(lambda: "paged" in here.notes(), "its note")
    said = len(here.slack.top())
    time.sleep(2)
    assert len(here.slack.top()) == said


@pytest.mark.parametrize("action", ["gate_approve", "gate_reject"])
def test_a_press_before_the_record_names_the_message_decides_nothing_and_is_told_so(here: Stage, action: str):
    here.slack.answers_late["chat.postMessage"] = 1.0
    here.ask()
    wait_until(lambda: bool(here.slack.top()), "the message to be shown")
    assert send(here.address, here.slack.payload(here.slack.top()[-1], JON, action)).status_code == 200
    assert "nothing was decided; press again in a few seconds" in here.told()
    assert here.notes() == ["posting"]
    assert here.press(action).status_code == 200  # a few seconds later: the same message, the same button
    wait_until(lambda: bool(here.decisions() or here.slack.views), "the answer to count")
    assert len(here.slack.top()) == 1


def test_slack_that_asks_to_wait_is_waited_for(here: Stage):
    here.slack.throttles("chat.postMessage", seconds=1)
    here.ask()
    assert here.message().buttons
    assert here.notes()[:2] == ["posting", "posted"]


def test_a_message_that_cannot_be_changed_is_answered_in_its_thread(here: Stage):
    here.ask()
    message = here.message()
    wait_until(lambda: "SHA-256" in message.text, "the first update")
    here.slack.fails("chat.update", "cant_update_message", times=50)
    here.press()
    wait_until(lambda: any(m.body.get("thread_ts") == message.ts for m in here.slack.messages), "the answer below it")
    assert here.slack.messages[-1].text.startswith("Approved: 1 migration to shop\nApproved by jon (slack).")


def test_a_store_that_hangs_is_answered_for_in_time_and_the_outcome_is_told_later(
    here: Stage, monkeypatch: pytest.MonkeyPatch
):
    here.ask()
    message = here.message()
    hanging = threading.Event()
    honest = type(here.store).create

    def slow(store: Any, key: str, body: bytes) -> None:
        if '"kind":"approved"' in body.decode():
            hanging.wait(10)
        honest(store, key, body)

    monkeypatch.setattr(type(here.store), "create", slow)
    began = time.monotonic()
    answer = send(here.address, here.slack.payload(message, JON, "gate_approve"))
    assert answer.status_code == 200
    assert time.monotonic() - began < 2.9
    assert "it is not known yet whether it counts" in here.told()
    assert here.decisions() == []
    hanging.set()
    assert f"approved {here.release} as jon" in here.told(2)
    assert len(here.decisions()) == 1


def test_a_no_that_the_store_keeps_waiting_says_so_in_its_form(here: Stage, monkeypatch: pytest.MonkeyPatch):
    here.ask()
    here.press("gate_reject")
    wait_until(lambda: bool(here.slack.views), "the form")
    view = here.slack.views[0]["view"]
    hanging = threading.Event()
    honest = type(here.store).create

    def slow(store: Any, key: str, body: bytes) -> None:
        if '"kind":"rejected"' in body.decode():
            hanging.wait(10)
        honest(store, key, body)

    monkeypatch.setattr(type(here.store), "create", slow)
    answer = send(here.address, here.slack.form_payload(view, JON, "not now")).json()
    assert answer["response_action"] == "update"
    assert "it is not known yet whether it counts" in answer["view"]["blocks"][0]["text"]["text"]
    hanging.set()
    wait_until(lambda: any("rejected" in told["text"] for told in here.slack.ephemeral), "the outcome")
    assert [d.kind for d in here.decisions()] == ["rejected"]


def test_a_form_that_slack_does_not_open_leaves_the_command(here: Stage):
    here.ask()
    here.slack.fails("views.open", "expired_trigger_id")
    here.press("gate_reject")
    assert here.told() == f"the form cannot be opened; `gate reject {here.release} --reason TEXT` works"


def test_a_store_that_is_away_decides_nothing_and_the_person_is_told(here: Stage, monkeypatch: pytest.MonkeyPatch):
    here.ask()
    message = here.message()

    def away(_store: Any, _key: str, _body: bytes) -> None:
        raise Unreachable("the store does not answer")

    monkeypatch.setattr("flows.web.slack_decision.PATIENCE_SECONDS", 0.2)
    with monkeypatch.context() as patched:
        patched.setattr(type(here.store), "create", away)
        send(here.address, here.slack.payload(message, JON, "gate_approve"))
        assert "the store does not answer: whether your answer was recorded is not known" in here.told()
    assert here.decisions() == []


def test_a_second_endpoint_takes_over_what_the_first_posted(here: Stage, slack: Workspace, tmp_path: Path):
    here.ask()
    message = here.message()
    with stage(slack, tmp_path) as other:
        other.release = here.release
        send(other.address, slack.payload(message, JON, "gate_approve"))
        wait_until(lambda: not message.buttons, "the buttons to go")
    assert len(here.decisions()) == 1
    assert len(slack.top()) == 1


def test_a_prefect_that_hangs_delays_no_answer(here: Stage):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        here.ask(prefect={"api": f"http://127.0.0.1:{deaf.getsockname()[1]}/api", "flow_run": "run-1"})
        message = here.message()
        began = time.monotonic()
        assert send(here.address, here.slack.payload(message, JON, "gate_approve")).status_code == 200
        assert time.monotonic() - began < 1.9
        assert len(here.decisions()) == 1
        wait_until(lambda: not message.buttons, "the buttons to go")
    assert here.slack.ephemeral == []


def test_where_slack_names_no_app_the_signature_alone_tells_it(here: Stage, monkeypatch: pytest.MonkeyPatch):
    known = here.slack._auth_test
    monkeypatch.setattr(here.slack, "_auth_test", lambda given: {**known(given), "app_id": ""})
    monkeypatch.setattr("tests.servers.slack.APP", "")
    here.ask()
    here.press()
    assert len(here.decisions()) == 1


def test_a_policy_that_cannot_be_read_decides_nothing_and_says_so(here: Stage, monkeypatch: pytest.MonkeyPatch):
    here.ask()
    message = here.message()
    read = Stage.policy_now

    def broken(_stage: Stage) -> Policy:
        raise ConfigurationError("gate.toml is not valid TOML")

    monkeypatch.setattr(Stage, "policy_now", broken)
    send(here.address, here.slack.payload(message, JON, "gate_approve"))
    assert here.told() == "gate.toml is not valid TOML; nothing was decided"
    monkeypatch.setattr(Stage, "policy_now", read)
    send(here.address, here.slack.payload(message, JON, "gate_approve"))
    assert len(here.decisions()) == 1


def test_decisions_that_hang_keep_no_word_from_anybody(here: Stage, monkeypatch: pytest.MonkeyPatch):
    here.ask()
    message = here.message()
    hanging = threading.Event()
    monkeypatch.setattr("flows.web.slack_door.deciding", lambda *_args: hanging.wait(20) and None)
    monkeypatch.setattr("flows.web.slack_door.ANSWER_SECONDS", 0.2)
    presses = [here.slack.payload(message, f"U{n:04}", "gate_approve") for n in range(30)]
    for press in presses:
        assert send(here.address, press).status_code == 200
    wait_until(lambda: len(here.slack.ephemeral) == len(presses), "a word to everybody")
    hanging.set()


def test_a_message_that_was_deleted_keeps_nobody_from_being_called(here: Stage):
    record = here.ask()
    message = here.message()
    wait_until(lambda: "SHA-256" in message.text, "the update")
    here.slack.messages.remove(message)
    here.slack.fails("chat.postMessage", "thread_not_found")
    record.refresh()
    record.append("not_recovered", {"sentence": "the disk is full"})
    wait_until(lambda: "paged" in here.notes(), "the call")
    assert here.slack.top()[0].text.startswith("<!subteam^S0ONCALL> A person is needed now")
