"""An approval in Slack, from the ask to the final sentence."""

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.policy import Policy
from flows.web.run import serving_doors
from tasks.decide import decide
from tasks.gate.errors import ConfigurationError
from tasks.gate.slack_binding import bindings
from tasks.record import Record
from tasks.target_log import TargetLog
from tests.integration.slack_fixtures import here, slack
from tests.integration.slack_stage import ANN, GUEST, JON, MIRA, Stage, slack_settings, wait_until
from tests.servers.slack import CHANNEL, Workspace, send
from tests.servers.slack_limits import as_read

__all__ = ["here", "slack"]  # fixtures


def test_a_release_is_asked_for_approved_and_ends_in_one_message(here: Stage):
    record = here.ask()
    message = here.message()
    assert as_read(message.blocks).startswith("Approve? 1 migration to shop\n")
    assert here.press(user=JON).status_code == 200
    (decision,) = here.decisions()
    assert decision.kind == "approved"
    assert (decision.body["who"], decision.body["identity"], decision.body["door"]) == ("jon", JON, "slack")
    wait_until(lambda: not message.buttons, "the buttons to go")
    assert f"Approved by @{JON}" in as_read(message.blocks)
    record.append("applying", {"attempt": 1})
    wait_until(lambda: as_read(message.blocks).startswith("Applying: "), "the message to follow")
    here.end(record)
    wait_until(lambda: as_read(message.blocks).startswith("Released: 1 migration to shop\nIt is in"), "the end")
    assert len(here.slack.top()) == 1


def test_the_plan_lies_in_the_thread_and_the_message_names_its_checksum(here: Stage):
    here.ask()
    message = here.message()
    (name, content) = next(iter(here.slack.files.values()))
    assert name == f"{here.release}.md"
    assert b'ALTER TABLE "orders" ADD COLUMN "channel"' in content
    assert here.slack.shared[0]["thread_ts"] == message.ts
    wait_until(lambda: hashlib.sha256(content).hexdigest() in message.text, "the checksum")
    assert f"{name} in the thread, SHA-256 {hashlib.sha256(content).hexdigest()}" in as_read(message.blocks)


def test_the_button_holds_256_random_bits_that_the_record_binds(here: Stage):
    record = here.ask()
    message = here.message()
    (bound,) = bindings(here.events())
    assert {button["value"] for button in message.buttons.values()} == {bound.id}
    assert len(bound.id) == 43
    assert (bound.channel, bound.ts, bound.digest) == (CHANNEL, message.ts, record.events[-1].body["digest"])
    assert bound.expires_at is not None


def test_a_no_asks_for_its_reason_and_needs_one(here: Stage):
    here.ask()
    assert here.press("gate_reject").status_code == 200
    wait_until(lambda: bool(here.slack.views), "the form")
    view = here.slack.views[0]["view"]
    assert here.decisions() == []
    short = send(here.address, here.slack.form_payload(view, JON, "  "))
    assert short.json() == {"response_action": "errors", "errors": {"reason": "say in a few words why"}}
    assert here.decisions() == []
    sent = send(here.address, here.slack.form_payload(view, JON, "not on a Friday"))
    assert (sent.status_code, sent.content) == (200, b"")
    (decision,) = here.decisions()
    assert (decision.kind, decision.body["comment"]) == ("rejected", "not on a Friday")
    message = here.message()
    wait_until(lambda: not message.buttons, "the buttons to go")
    assert "not on a Friday" in as_read(message.blocks)


def test_who_comes_second_is_told_who_was_first(here: Stage):
    here.ask()
    here.press(user=JON)
    message = here.message()
    payload = {**late_payload(here, message), "user": {"id": ANN, "team_id": "T0WORKSPACE"}}
    assert send(here.address, payload).status_code == 200
    assert "was decided already: approved by jon (slack) at" in here.told()
    assert len(here.decisions()) == 1


def late_payload(here: Stage, message: Any) -> dict[str, Any]:
    """A press of a button that is gone meanwhile: an old window still shows it."""
    first = next(
        body for body in (*message.earlier, message.body) if any(b["type"] == "actions" for b in body["blocks"])
    )
    shown = type(message)(ts=message.ts, body=first, channel=message.channel)
    return here.slack.payload(shown, JON, "gate_approve")


def test_a_decision_at_another_door_shows_in_slack_and_makes_its_buttons_say_so(here: Stage):
    here.ask()
    message = here.message()
    made = decide(here.settings, here.policy, here.release, door="command-line", identity="jon-os", approved=True)
    assert made.ruling.accepted
    wait_until(lambda: not message.buttons, "the buttons to go", seconds=5.0)
    assert send(here.address, late_payload(here, message)).status_code == 200
    assert "was decided already: approved by jon (command-line)" in here.told()


def test_the_one_who_started_it_may_not_approve_it_in_slack_either(here: Stage):
    here.ask()
    here.press(user=MIRA)
    assert "mira started this release" in here.told()
    assert here.decisions() == []
    assert here.press(user=JON).status_code == 200
    assert len(here.decisions()) == 1


def test_a_refused_person_leaves_the_request_open_for_others(here: Stage):
    here.ask()
    here.press(user=GUEST)
    assert "you are a guest" in here.told()
    assert here.message().buttons
    here.press(user=JON)
    assert [d.body["who"] for d in here.decisions()] == ["jon"]


def test_a_policy_that_was_reviewed_meanwhile_counts_and_an_old_ask_does_not(here: Stage):
    here.ask()
    message = here.message()
    here.policy = here.policy.model_copy(
        update={"approval": here.policy.approval.model_copy(update={"approvers": ("ann",)})}
    )
    send(here.address, here.slack.payload(message, JON, "gate_approve"))
    assert "gate.toml is not what it was" in here.told()
    assert here.decisions() == []


def test_a_release_that_needs_a_person_calls_the_group_once(here: Stage):
    record = here.ask()
    message = here.message()
    here.press()
    record.append("not_recovered", {"sentence": "the disk is full", "next": "look"})
    wait_until(lambda: "paged" in here.notes(), "the call")
    calls = [m for m in here.slack.messages if m.body.get("thread_ts") == message.ts]
    (call,) = calls
    assert call.text.startswith("<!subteam^S0ONCALL> A person is needed now: 1 migration to shop. The disk is full.")
    assert call.text.endswith(f"Next: `gate resume {here.release}`")
    assert calls[0].body["reply_broadcast"] is True
    time.sleep(2.0)
    assert len([m for m in here.slack.messages if m.body.get("thread_ts") == message.ts]) == 1


def test_a_release_that_was_never_asked_for_calls_the_group_too(here: Stage):
    here.release = "20261123-150000-shop-abc999"
    TargetLog(here.store, "shop").open_release(here.release)
    record = Record(here.store, "shop", here.release, owner="the-engine")
    record.append("opened", {"by": "mira-os"})
    record.append("not_recovered", {"sentence": "the swap was cut off"})
    wait_until(lambda: bool(here.slack.top()), "the call")
    assert here.slack.top()[0].text.startswith(
        "<!subteam^S0ONCALL> A person is needed now: a release to shop. The swap"
    )


def test_a_no_after_the_decision_opens_no_form_and_is_told_what_happened(here: Stage):
    here.ask()
    message = here.message()
    late = here.slack.payload(message, ANN, "gate_reject")
    here.press(user=JON)
    wait_until(lambda: not message.buttons, "the buttons to go")
    here.end(Record.open(here.store, "shop", here.release, owner="the-engine"))
    assert send(here.address, late).status_code == 200
    assert here.told() == f"release {here.release}: it is in production; nothing was changed"
    assert here.slack.views == []


def test_metrics_count_what_was_refused(here: Stage):
    httpx.post(f"{here.address}/slack/interactions", content=b"payload=x")
    said = httpx.get(f"{here.address}/metrics").text
    assert 'gate_slack_refusals_total{reason="headers"} 1.0' in said
    assert 'gate_http_answers_total{route="/slack/interactions",status="401"} 1.0' in said


def test_an_ask_that_expires_loses_its_buttons(here: Stage):
    here.ask(hours=2.5 / 3600)
    wait_until(lambda: bool(here.slack.top()), "a message")
    message = here.slack.top()[0]
    wait_until(lambda: not message.buttons, "the buttons to go")
    assert "the request expired at" in as_read(message.blocks)


def test_a_message_that_nothing_happened_to_is_not_drawn_again(here: Stage):
    here.ask()
    message = here.message()
    wait_until(lambda: "SHA-256" in message.text, "the update")
    updates = here.slack.called("chat.update")
    time.sleep(1.0)
    assert here.slack.called("chat.update") == updates


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("slack_channel", "GATE_SLACK_CHANNEL"),
        ("slack_bot_token", "GATE_SLACK_BOT_TOKEN"),
        ("slack_signing_secret", "GATE_SLACK_SIGNING_SECRET"),
    ],
)
def test_half_a_configuration_is_refused_by_name(slack: Workspace, tmp_path: Path, left_out: str, named: str):
    settings = slack_settings(slack, tmp_path, **{left_out: None})
    with (
        pytest.raises(ConfigurationError, match=f"Slack is configured, but {named} is not set"),
        serving_doors(settings, Policy),
    ):
        raise AssertionError("it began to serve")
