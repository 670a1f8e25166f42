"""How an honest press is bent: in its headers, its payload, its body, or in what Slack says of the person."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.integration.slack_stage import JON, MIRA
from tests.servers.slack import MEMBER, SIGNING_SECRET, Message, Workspace, body_of, headers_for

SIGNATURE, TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"


@dataclass
class Target:
    """A release that waits, and what an attacker has seen of it: everything but the secrets."""

    slack: Workspace
    address: str
    message: Message
    release: str
    other_button: str = ""  # of a release that has ended
    approver: str = JON
    starter: str = MIRA

    def payload(self, **changed: Any) -> dict[str, Any]:
        """An honest press of Approve by somebody who may, except for what is changed."""
        return copy.deepcopy({**self.slack.payload(self.message, self.approver, "gate_approve"), **changed})

    def post(self, body: bytes, headers: Any, path: str = "/slack/interactions") -> httpx.Response:
        return httpx.post(self.address + path, content=body, headers=headers, timeout=10, verify=False)

    def press(self, **changed: Any) -> httpx.Response:
        """Signed as Slack signs."""
        body = body_of(self.payload(**changed))
        return self.post(body, headers_for(body))

    def by(self, user: str, **more: Any) -> httpx.Response:
        return self.press(user={"id": user, "username": "jon", "name": "jon", "team_id": MEMBER["team_id"], **more})

    @contextmanager
    def user(self, **flags: Any) -> Iterator[None]:
        """The approver, as Slack describes them for a while; None leaves a flag out."""
        before = self.slack.users[self.approver]
        self.slack.member(self.approver, **flags)
        try:
            yield
        finally:
            self.slack.users[self.approver] = before


def headers(change: Callable[[dict[str, str], bytes], Any]) -> Callable[[Target], httpx.Response]:
    """An honest press whose headers are changed after it was signed."""

    def act(target: Target) -> httpx.Response:
        body = body_of(target.payload())
        return target.post(body, change(headers_for(body), body))

    return act


def without(name: str) -> Callable[[Target], httpx.Response]:
    return headers(lambda headers, _body: {k: v for k, v in headers.items() if k != name})


def with_header(name: str, value: Callable[[str], str | bytes]) -> Callable[[Target], httpx.Response]:
    return headers(
        lambda headers, _body: [*((k, v) for k, v in headers.items() if k != name), (name, value(headers[name]))]
    )


def signed_again(**how: Any) -> Callable[[Target], httpx.Response]:
    return headers(lambda headers, body: headers_for(body, **how))


def twice(name: str) -> Callable[[Target], httpx.Response]:
    return headers(lambda headers, _body: [*headers.items(), (name, headers[name])])


def timestamp(text: str) -> Callable[[Target], httpx.Response]:
    """A timestamp that is not one, with a signature that fits it."""

    def change(headers: dict[str, str], body: bytes) -> dict[str, str]:
        from tasks.gate.slack_signature import signed

        return {**headers, TIMESTAMP: text, SIGNATURE: signed(SIGNING_SECRET, text, body)}

    return headers(change)


def payload(change: Callable[[dict[str, Any], Target], Any]) -> Callable[[Target], httpx.Response]:
    """A signed press whose payload is another one."""

    def act(target: Target) -> httpx.Response:
        payload = target.payload()
        body = body_of(change(payload, target) or payload)
        return target.post(body, headers_for(body))

    return act


def body(make: Callable[[Target], bytes]) -> Callable[[Target], httpx.Response]:
    """A signed body of any bytes."""

    def act(target: Target) -> httpx.Response:
        body = make(target)
        return target.post(body, headers_for(body))

    return act


def described(**flags: Any) -> Callable[[Target], httpx.Response]:
    """The approver, of whom Slack says something else when the decision is made."""

    def act(target: Target) -> httpx.Response:
        with target.user(**flags):
            return target.press()

    return act


def value(make: Callable[[Target, str], str]) -> Callable[[Target], httpx.Response]:
    def change(payload: dict[str, Any], target: Target) -> None:
        payload["actions"][0]["value"] = make(target, payload["actions"][0]["value"])

    return payload(change)


def changed_after_signing(target: Target) -> httpx.Response:
    body = body_of(target.payload(user={"id": "U0EVE", "team_id": MEMBER["team_id"]}))
    return target.post(body.replace(b"U0EVE", target.approver.encode()), headers_for(body))


def re_encoded(target: Target) -> httpx.Response:
    payload = target.payload()
    signed_body = urlencode({"payload": json.dumps(payload, separators=(",", ":"))}).encode()
    return target.post(body_of(payload), headers_for(signed_body))


def users_info(answer: dict[str, Any]) -> Callable[[Target], httpx.Response]:
    def act(target: Target) -> httpx.Response:
        target.slack.trouble.setdefault("users.info", []).extend([lambda: (200, answer, {})] * 2)
        answered = target.press()
        target.slack.trouble.pop("users.info", None)
        return answered

    return act


def users_info_breaks(target: Target) -> httpx.Response:
    target.slack.breaks("users.info", times=2)
    answered = target.press()
    target.slack.trouble.pop("users.info", None)
    return answered


def replayed_after_a_refusal(target: Target) -> httpx.Response:
    body = body_of(target.payload())
    headers = headers_for(body)
    with target.user(deleted=True):
        assert target.post(body, headers).status_code == 200
    return target.post(body, headers)


def move(payload: dict[str, Any], **container: Any) -> None:
    payload["container"].update(container)


def other_channel(payload: dict[str, Any], _target: Target) -> None:
    payload["channel"] = {"id": "C0OTHER", "name": "releases"}
    payload["container"]["channel_id"] = "C0OTHER"


def form(change: Callable[[dict[str, Any]], object]) -> Callable[[Target], httpx.Response]:
    """A form that was never opened, made up around the id of the button."""

    def make(_payload: dict[str, Any], target: Target) -> dict[str, Any]:
        value = target.message.buttons["gate_approve"]["value"]
        view = {"type": "modal", "callback_id": "gate_approve", "private_metadata": value}
        form = target.slack.form_payload(view, target.approver, "yes, please")
        change(form)
        return form

    return payload(make)


def signed_press(target: Target) -> tuple[bytes, dict[str, str]]:
    body = body_of(target.payload())
    return body, headers_for(body)
