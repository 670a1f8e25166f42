"""Ways to get a yes through the Slack door without being allowed to: each is tried against a release that waits."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx

from tests.integration.slack_stage import JON, MIRA
from tests.servers.slack import MEMBER, SIGNING_SECRET, TOKEN, Message, Workspace, body_of, headers_for

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


class Attack(NamedTuple):
    """One way, and the only statuses that may answer it."""

    name: str
    act: Callable[[Target], httpx.Response]
    statuses: tuple[int, ...] = (200,)  # 200: the signature was good, and the person was told no


def _headers(change: Callable[[dict[str, str], bytes], Any]) -> Callable[[Target], httpx.Response]:
    """An honest press whose headers are changed after it was signed."""

    def act(target: Target) -> httpx.Response:
        body = body_of(target.payload())
        return target.post(body, change(headers_for(body), body))

    return act


def _without(name: str) -> Callable[[Target], httpx.Response]:
    return _headers(lambda headers, _body: {k: v for k, v in headers.items() if k != name})


def _with(name: str, value: Callable[[str], str | bytes]) -> Callable[[Target], httpx.Response]:
    return _headers(
        lambda headers, _body: [*((k, v) for k, v in headers.items() if k != name), (name, value(headers[name]))]
    )


def _signed_again(**how: Any) -> Callable[[Target], httpx.Response]:
    return _headers(lambda _headers, body: headers_for(body, **how))


def _twice(name: str) -> Callable[[Target], httpx.Response]:
    return _headers(lambda headers, _body: [*headers.items(), (name, headers[name])])


def _timestamp(text: str) -> Callable[[Target], httpx.Response]:
    """A timestamp that is not one, with a signature that fits it."""

    def change(headers: dict[str, str], body: bytes) -> dict[str, str]:
        from tasks.gate.slack_signature import signed

        return {**headers, TIMESTAMP: text, SIGNATURE: signed(SIGNING_SECRET, text, body)}

    return _headers(change)


def _payload(change: Callable[[dict[str, Any], Target], Any]) -> Callable[[Target], httpx.Response]:
    """A signed press whose payload is another one."""

    def act(target: Target) -> httpx.Response:
        payload = target.payload()
        body = body_of(change(payload, target) or payload)
        return target.post(body, headers_for(body))

    return act


def _body(make: Callable[[Target], bytes]) -> Callable[[Target], httpx.Response]:
    """A signed body of any bytes."""

    def act(target: Target) -> httpx.Response:
        body = make(target)
        return target.post(body, headers_for(body))

    return act


def _as(**flags: Any) -> Callable[[Target], httpx.Response]:
    """The approver, of whom Slack says something else when the decision is made."""

    def act(target: Target) -> httpx.Response:
        with target.user(**flags):
            return target.press()

    return act


def _value(make: Callable[[Target, str], str]) -> Callable[[Target], httpx.Response]:
    def change(payload: dict[str, Any], target: Target) -> None:
        payload["actions"][0]["value"] = make(target, payload["actions"][0]["value"])

    return _payload(change)


def _changed_after_signing(target: Target) -> httpx.Response:
    body = body_of(target.payload(user={"id": "U0EVE", "team_id": MEMBER["team_id"]}))
    return target.post(body.replace(b"U0EVE", target.approver.encode()), headers_for(body))


def _re_encoded(target: Target) -> httpx.Response:
    payload = target.payload()
    signed_body = urlencode({"payload": json.dumps(payload, separators=(",", ":"))}).encode()
    return target.post(body_of(payload), headers_for(signed_body))


def _users_info(answer: dict[str, Any]) -> Callable[[Target], httpx.Response]:
    def act(target: Target) -> httpx.Response:
        target.slack.trouble.setdefault("users.info", []).extend([lambda: (200, answer, {})] * 2)
        answered = target.press()
        target.slack.trouble.pop("users.info", None)
        return answered

    return act


def _users_info_breaks(target: Target) -> httpx.Response:
    target.slack.breaks("users.info", times=2)
    answered = target.press()
    target.slack.trouble.pop("users.info", None)
    return answered


def _replayed_after_a_refusal(target: Target) -> httpx.Response:
    body = body_of(target.payload())
    headers = headers_for(body)
    with target.user(deleted=True):
        assert target.post(body, headers).status_code == 200
    return target.post(body, headers)


def _move(payload: dict[str, Any], **container: Any) -> None:
    payload["container"].update(container)


def _channel(payload: dict[str, Any], _target: Target) -> None:
    payload["channel"] = {"id": "C0OTHER", "name": "releases"}
    payload["container"]["channel_id"] = "C0OTHER"


def _form(change: Callable[[dict[str, Any]], object]) -> Callable[[Target], httpx.Response]:
    """A form that was never opened, made up around the id of the button."""

    def make(_payload: dict[str, Any], target: Target) -> dict[str, Any]:
        value = target.message.buttons["gate_approve"]["value"]
        view = {"type": "modal", "callback_id": "gate_approve", "private_metadata": value}
        form = target.slack.form_payload(view, target.approver, "yes, please")
        change(form)
        return form

    return _payload(make)


ATTACKS: tuple[Attack, ...] = (
    Attack("no headers", _headers(lambda _h, _b: {}), (401,)),
    Attack("no signature", _without(SIGNATURE), (401,)),
    Attack("no timestamp", _without(TIMESTAMP), (401,)),
    Attack("the signature twice", _twice(SIGNATURE), (401,)),
    Attack("the timestamp twice", _twice(TIMESTAMP), (401,)),
    Attack("signed with another secret", _signed_again(secret="0" * 32), (401,)),
    Attack("signed with no secret", _signed_again(secret=""), (401,)),
    Attack("signed with the bot's token", _signed_again(secret=TOKEN), (401,)),
    Attack("another version of signatures", _with(SIGNATURE, lambda s: s.replace("v0=", "v1=")), (401,)),
    Attack("a signature in upper case", _with(SIGNATURE, lambda s: "v0=" + s[3:].upper() + "A"), (401,)),
    Attack("a signature and more", _with(SIGNATURE, lambda s: s + "0"), (401,)),
    Attack("two signatures in one header", _with(SIGNATURE, lambda s: f"{s},{s}"), (401,)),
    Attack("half a signature", _with(SIGNATURE, lambda s: s[:35]), (401,)),
    Attack("an empty signature", _with(SIGNATURE, lambda _s: ""), (401,)),
    Attack("a signature that is no ASCII", _with(SIGNATURE, lambda _s: "v0=é".encode() * 8), (401,)),
    Attack("the signature of an empty body", _headers(lambda _h, _b: headers_for(b"")), (401,)),
    Attack("a body changed after signing", _changed_after_signing, (401,)),
    Attack("a signature over the parsed body", _re_encoded, (401,)),
    Attack("five minutes late", _signed_again(at=time.time() - 302), (401,)),
    Attack("five minutes early", _signed_again(at=time.time() + 3600), (401,)),
    Attack("signed at the beginning of time", _timestamp("0"), (401,)),
    Attack("a timestamp with a sign", _timestamp(f"+{int(time.time())}"), (401,)),
    Attack("a timestamp with a fraction", _timestamp(f"{time.time():.3f}"), (401,)),
    Attack("a timestamp of a thousand digits", _timestamp("9" * 1000), (401,)),
    Attack("a timestamp in hexadecimal", _timestamp(hex(int(time.time()))), (401,)),
    Attack("another workspace", _payload(lambda p, _t: p["team"].update(id="T0OTHER"))),
    Attack("no workspace at all", _payload(lambda p, _t: p.update(team=None)), (400,)),
    Attack("another app", _payload(lambda p, _t: p.update(api_app_id="A0OTHER"))),
    Attack("an empty app", _payload(lambda p, _t: p.update(api_app_id=""))),
    Attack("another channel", _payload(_channel)),
    Attack("a channel that is not the message's", _payload(lambda p, _t: _move(p, channel_id="C0OTHER")), (400,)),
    Attack("another message", _payload(lambda p, _t: _move(p, message_ts="1764.999999"))),
    Attack("no message", _payload(lambda p, _t: p.pop("container") and None), (400,)),
    Attack("a view instead of a message", _payload(lambda p, _t: _move(p, type="view")), (400,)),
    Attack("a member of a connected workspace", _payload(lambda p, _t: p["user"].update(team_id="T0OTHER"))),
    Attack("a guest", _as(is_restricted=True)),
    Attack("a guest of one channel", _as(is_ultra_restricted=True)),
    Attack("a bot", _as(is_bot=True)),
    Attack("a stranger", _as(is_stranger=True)),
    Attack("deactivated after the request", _as(deleted=True)),
    Attack("moved to another workspace after the request", _as(team_id="T0OTHER")),
    Attack("only invited", _as(is_invited_user=True)),
    Attack("a workflow", _as(is_workflow_bot=True)),
    Attack("not said whether a bot", _as(is_bot=None)),
    Attack("not said whether a guest", _as(is_restricted=None)),
    Attack("a flag that is neither yes nor no", _as(is_restricted="no")),
    Attack("somebody whom Slack does not know", lambda t: t.by("U0NOBODY")),
    Attack("a full member who is nobody in the policy", lambda t: t.by(t.slack.member("U0EVE"))),
    Attack("an approver's display name", lambda t: t.by(t.slack.member("U0EVE"), name="jon", username="jon")),
    Attack("the one who started it", lambda t: t.by(t.starter)),
    Attack("Slack does not answer who it is", _users_info_breaks),
    Attack("Slack answers for somebody else", _users_info({"ok": True, "user": {"id": "U0ANN", **MEMBER}})),
    Attack("Slack answers nothing about the user", _users_info({"ok": True})),
    Attack("a missing scope", _users_info({"ok": False, "error": "missing_scope", "needed": "users:read"})),
    Attack("the button of a release that has ended", _value(lambda t, _v: t.other_button)),
    Attack("a guessed button", _value(lambda _t, v: "A" * len(v))),
    Attack("the release's id as a button", _value(lambda t, _v: t.release)),
    Attack("an empty button", _value(lambda _t, _v: "")),
    Attack("the button in other letters", _value(lambda _t, v: v.swapcase())),
    Attack("half the button", _value(lambda _t, v: v[:20])),
    Attack("two actions at once", _payload(lambda p, _t: p["actions"].append(p["actions"][0])), (400,)),
    Attack("no action", _payload(lambda p, _t: p.update(actions=[])), (400,)),
    Attack("an action of another name", _payload(lambda p, _t: p["actions"][0].update(action_id="approve")), (400,)),
    Attack("a menu instead of a button", _payload(lambda p, _t: p["actions"][0].update(type="overflow")), (400,)),
    Attack("a shortcut", _payload(lambda p, _t: p.update(type="message_action")), (400,)),
    Attack(
        "a question for the address", _payload(lambda _p, _t: {"type": "url_verification", "challenge": "x"}), (400,)
    ),
    Attack("a form that says yes", _form(lambda _f: None), (400,)),
    Attack(
        "a reason from a stranger",
        _form(lambda f: f["view"].update(callback_id="gate_reject") or f["user"].update(team_id="T0OTHER")),
    ),
    Attack("the payload twice", _body(lambda t: body_of(t.payload()) + b"&" + body_of(t.payload())), (400,)),
    Attack("another field", _body(lambda t: body_of(t.payload()).replace(b"payload=", b"load=")), (400,)),
    Attack("a list for a payload", _body(lambda _t: body_of([1, 2])), (400,)),
    Attack("no JSON", _body(lambda _t: b"payload=%7B"), (400,)),
    Attack("JSON without a bottom", _body(lambda _t: b"payload=" + b"%5B" * 90_000), (400,)),
    Attack("a number of ten thousand digits", _body(lambda _t: b"payload=" + b"9" * 10_000), (400,)),
    Attack("bytes that are no text", _body(lambda _t: b"payload=\xff\xfe"), (400,)),
    Attack("an empty body", _body(lambda _t: b""), (400,)),
    Attack("JSON for a form", _body(lambda t: json.dumps(t.payload()).encode()), (400,)),
    Attack("the same bytes again after a refusal", _replayed_after_a_refusal, (409,)),
    Attack("by GET", lambda t: httpx.get(f"{t.address}/slack/interactions", params={"payload": "{}"}), (405,)),
    Attack("at a path beside it", lambda t: t.post(*_signed(t), path="/slack/interactions/"), (404,)),
    Attack("a body of two megabytes", _body(lambda _t: b"payload=" + b"x" * (2 << 20)), (413,)),
)


def _signed(target: Target) -> tuple[bytes, dict[str, str]]:
    body = body_of(target.payload())
    return body, headers_for(body)
