"""Reads what Slack says was pressed: one action of ours, or nothing; whatever the bytes are."""

import json
from typing import Any
from urllib.parse import parse_qsl

from tasks.gate.errors import GateError
from tasks.gate.model import Model

APPROVE, REJECT = "gate_approve", "gate_reject"
REASON_BLOCK, REASON_ACTION = "reason", "text"
REASON_LENGTH = 1000
NAME_LENGTH = 100  # no identifier of Slack's is as long


class NotUnderstood(GateError):
    """The request is not one of the gate's buttons or forms."""


class Press(Model):
    """Somebody pressed one of our buttons, or sent the form with the reason."""

    action: str  # APPROVE, REJECT, or "reason" for the form
    id: str  # the value of the button, the form's private metadata
    app: str
    team: str
    user: str
    user_team: str
    channel: str = ""  # a form has none
    message_ts: str = ""
    action_ts: str = ""
    trigger: str = ""  # for opening a form, once, within 3 s
    reason: str = ""


def press(body: bytes) -> Press:
    """The press in a body of `application/x-www-form-urlencoded`.

    Raises:
        NotUnderstood: anything else.
    """
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=1)
        (name, payload) = fields[0]
        return payload_press(json.loads(payload)) if name == "payload" else _refuse()
    except NotUnderstood:
        raise
    except (ValueError, IndexError, RecursionError):  # JSON and UTF-8 errors are ValueErrors too
        raise NotUnderstood from None


def payload_press(payload: object) -> Press:
    """The press in a payload, however it came in.

    Raises:
        NotUnderstood: it is no press of ours.
    """
    try:
        if not isinstance(payload, dict):
            raise NotUnderstood
        return _form(payload) if payload.get("type") == "view_submission" else _button(payload)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise NotUnderstood from None


def _button(payload: dict[str, Any]) -> Press:
    (action,) = payload["actions"]
    if payload["type"] != "block_actions" or action["type"] != "button":
        raise NotUnderstood
    if action["action_id"] not in (APPROVE, REJECT):
        raise NotUnderstood
    container = payload["container"]
    if container["type"] != "message" or container["channel_id"] != payload["channel"]["id"]:
        raise NotUnderstood
    return Press(
        action=action["action_id"],
        id=_name(action["value"]),
        channel=_name(payload["channel"]["id"]),
        message_ts=_name(container["message_ts"]),
        action_ts=_name(action.get("action_ts", "")),
        trigger=_name(payload.get("trigger_id", "")),
        **_sender(payload),
    )


def _form(payload: dict[str, Any]) -> Press:
    view = payload["view"]
    if view["type"] != "modal" or view["callback_id"] != REJECT:
        raise NotUnderstood
    reason = view["state"]["values"][REASON_BLOCK][REASON_ACTION]["value"]
    if reason is not None and not isinstance(reason, str):
        raise NotUnderstood
    return Press(
        action="reason",
        id=_name(view["private_metadata"]),
        action_ts=_name(view.get("hash", "")),
        reason=(reason or "").strip()[:REASON_LENGTH],
        **_sender(payload),
    )


def _sender(payload: dict[str, Any]) -> dict[str, str]:
    return {
        "app": _name(payload["api_app_id"]),
        "team": _name(payload["team"]["id"]),
        "user": _name(payload["user"]["id"]),
        "user_team": _name(payload["user"]["team_id"]),
    }


def _name(value: object) -> str:
    """An identifier of Slack's."""
    if not isinstance(value, str) or len(value) > NAME_LENGTH or not value.isascii() or not value.isprintable():
        raise NotUnderstood
    return value


def _refuse() -> Press:
    raise NotUnderstood
