"""Slack's API as it answers: refusals by name, patience where it asks for it, and no token in any sentence."""

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tasks.clients.slack import Slack, SlackAway, SlackError, SlackRefused
from tasks.gate.errors import ConfigurationError
from tests.servers.slack import CHANNEL, TOKEN, Workspace, workspace


@pytest.fixture
def place() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


@pytest.fixture
def client(place: Workspace) -> Slack:
    return Slack(SecretStr(TOKEN), place.api_url)


def test_a_refusal_names_slacks_own_error_and_what_to_do(place: Workspace, client: Slack):
    place.fails("users.info", "missing_scope", needed="users:read", provided="chat:write")
    with pytest.raises(SlackRefused) as caught:
        client.call("users.info", form={"user": "U1"})
    assert caught.value.error == "missing_scope"
    assert caught.value.message == "Slack answered users.info with missing_scope (scope users:read)"
    assert caught.value.hint


def test_an_error_that_is_no_name_is_not_repeated(place: Workspace, client: Slack):
    place.fails("users.info", f"leak {TOKEN} <script>")
    with pytest.raises(SlackRefused) as caught:
        client.call("users.info", form={"user": "U1"})
    assert caught.value.message == "Slack answered users.info with an unreadable error"


def test_where_slack_asks_to_wait_it_is_waited_for(place: Workspace, client: Slack):
    place.throttles("auth.test", seconds=1)
    began = time.monotonic()
    assert client.call("auth.test", form={})["ok"] is True
    assert time.monotonic() - began >= 1


def test_a_wait_beyond_reason_is_not_waited_for(place: Workspace, client: Slack):
    place.throttles("auth.test", seconds=3600)
    with pytest.raises(SlackAway) as caught:
        client.call("auth.test", form={})
    assert caught.value.message == "Slack asks to wait when it was asked for auth.test"
    assert caught.value.may_have_acted is False


def test_what_may_have_been_done_is_done_again_only_where_that_is_harmless(place: Workspace, client: Slack):
    place.breaks("auth.test")
    assert client.call("auth.test", form={})["ok"] is True
    place.breaks("chat.postMessage")
    with pytest.raises(SlackAway) as caught:
        client.call("chat.postMessage", body={"channel": CHANNEL, "text": "x"}, twice_is_harmless=False)
    assert caught.value.may_have_acted is True
    assert place.called("chat.postMessage") == 1


@pytest.mark.parametrize("error", ["fatal_error", "internal_error", "service_unavailable"])
def test_an_error_after_which_nobody_knows_counts_as_perhaps_done(place: Workspace, client: Slack, error: str):
    place.fails("chat.postMessage", error)
    with pytest.raises(SlackAway) as caught:
        client.call("chat.postMessage", body={"channel": CHANNEL, "text": "x"}, twice_is_harmless=False)
    assert caught.value.may_have_acted is True


def test_a_slack_that_cannot_be_reached_has_done_nothing():
    client = Slack(SecretStr(TOKEN), "http://127.0.0.1:1/api")
    with pytest.raises(SlackAway) as caught:
        client.call("auth.test", form={}, attempts=1)
    assert caught.value.message == "Slack cannot be reached when it was asked for auth.test"
    assert caught.value.may_have_acted is False


def test_an_answer_that_is_not_slacks_is_no_answer(place: Workspace, client: Slack):
    for answer in ([], {"ok": "yes"}):
        place.trouble["auth.test"] = [lambda answer=answer: (200, answer, {})] * 3  # type: ignore[misc, dict-item]
        with pytest.raises(SlackError):
            client.call("auth.test", form={}, attempts=1)


def test_a_file_is_uploaded_into_a_thread(place: Workspace, client: Slack):
    file_id = client.upload("plan.md", b"# plan", channel=CHANNEL, thread="1764.1")
    assert place.files[file_id] == ("plan.md", b"# plan")
    assert place.shared[0]["thread_ts"] == "1764.1"


def test_a_file_goes_only_where_it_is_encrypted(place: Workspace, client: Slack):
    elsewhere = {"ok": True, "upload_url": "http://files.evil.example/u", "file_id": "F1"}
    place.trouble["files.getUploadURLExternal"] = [lambda: (200, elsewhere, {})]
    with pytest.raises(SlackAway):
        client.upload("plan.md", b"# plan", channel=CHANNEL, thread="1764.1")


@pytest.mark.parametrize("url", ["http://slack.com/api", "ftp://slack.com", "slack.com/api", ""])
def test_a_token_is_never_sent_in_the_clear(url: str):
    with pytest.raises(ConfigurationError, match="in the clear"):
        Slack(SecretStr(TOKEN), url)


def test_no_sentence_holds_the_token(place: Workspace, client: Slack):
    place.away = True
    with pytest.raises(SlackAway) as caught:
        client.call("auth.test", form={}, attempts=1)
    assert TOKEN not in repr(caught.value) + str(caught.value)
    assert TOKEN not in repr(client)
