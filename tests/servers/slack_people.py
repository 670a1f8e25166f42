"""What people do in Slack, as it reaches the gate: presses and forms, signed as Slack signs them."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from tasks.gate.slack_signature import signed

TEAM, APP, BOT, CHANNEL = "T0WORKSPACE", "A0GATE", "UBOT", "C0RELEASES"
TOKEN, SIGNING_SECRET = "xoxb-canary-4711-bot-token", "8f742231b10e8888abcd99yyyzzz85a5"
MEMBER = {"is_bot": False, "is_restricted": False, "is_ultra_restricted": False, "deleted": False, "team_id": TEAM}

Answer = dict[str, Any]


@dataclass
class Message:
    """A message in the channel or a thread, as it is now and as it was."""

    ts: str
    body: Answer
    channel: str
    earlier: list[Answer] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str(self.body["text"])

    @property
    def blocks(self) -> list[Answer]:
        return list(self.body.get("blocks") or [])

    @property
    def buttons(self) -> dict[str, Answer]:
        """Buttons by action id."""
        rows = [block["elements"] for block in self.blocks if block["type"] == "actions"]
        return {button["action_id"]: button for row in rows for button in row}


class People:
    """Whoever presses a button of a message, or sends a form."""

    def payload(self, message: Message, user: str, action: str, **changed: Any) -> Answer:
        """What Slack sends when a button of a message is pressed."""
        button = message.buttons[action]
        now = f"{time.time():.6f}"
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "ann", "name": "ann", "team_id": TEAM},
            "api_app_id": APP,
            "token": "legacy",
            "team": {"id": TEAM, "domain": "acme"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": f"{now}.ab",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "channel": {"id": message.channel, "name": "releases"},
            "message": {"type": "message", "user": BOT, "bot_id": "B0GATE", "app_id": APP, "ts": message.ts},
            "response_url": "https://hooks.slack.com/actions/T1/1/x",
            "actions": [{k: v for k, v in button.items() if k != "confirm"} | {"action_ts": now}],
            **changed,
        }

    def form_payload(self, view: Answer, user: str, reason: str, **changed: Any) -> Answer:
        """What Slack sends when the form of a view is sent."""
        now = f"{time.time():.6f}"
        return {
            "type": "view_submission",
            "user": {"id": user, "username": "ann", "name": "ann", "team_id": TEAM},
            "api_app_id": APP,
            "token": "legacy",
            "team": {"id": TEAM, "domain": "acme"},
            "enterprise": None,
            "trigger_id": f"{now}.cd",
            "response_urls": [],
            "view": {
                **view,
                "id": "V1",
                "team_id": TEAM,
                "app_id": APP,
                "hash": now,
                "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": reason}}}},
            },
            **changed,
        }


def body_of(payload: object) -> bytes:
    """The bytes that Slack posts for a payload."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def headers_for(body: bytes, *, at: float | None = None, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers that Slack sends with it."""
    timestamp = str(int(time.time() if at is None else at))
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signed(secret, timestamp, body),
    }


def send(address: str, payload: object, **how: Any) -> httpx.Response:
    """Post a payload to the gate as Slack does."""
    body = body_of(payload)
    place, headers = f"{address}/slack/interactions", headers_for(body, **how)
    return httpx.post(place, content=body, headers=headers, timeout=10, verify=False)  # certificates take long to read
