"""Ways to get a yes through the Slack door without being allowed to: each is tried against a release that waits."""

import json
import time
from collections.abc import Callable
from typing import NamedTuple

import httpx

from tests.integration import slack_tries as tries
from tests.integration.slack_tries import SIGNATURE, TIMESTAMP, Target
from tests.servers.slack import MEMBER, TOKEN, body_of, headers_for

__all__ = ["ATTACKS", "Attack", "Target"]


class Attack(NamedTuple):
    """One way, and the only statuses that may answer it."""

    name: str
    act: Callable[[Target], httpx.Response]
    statuses: tuple[int, ...] = (200,)  # 200: the signature was good, and the person was told no


ATTACKS: tuple[Attack, ...] = (
    Attack("no headers", tries.headers(lambda _h, _b: {}), (401,)),
    Attack("no signature", tries.without(SIGNATURE), (401,)),
    Attack("no timestamp", tries.without(TIMESTAMP), (401,)),
    Attack("the signature twice", tries.twice(SIGNATURE), (401,)),
    Attack("the timestamp twice", tries.twice(TIMESTAMP), (401,)),
    Attack("signed with another secret", tries.signed_again(secret="0" * 32), (401,)),
    Attack("signed with no secret", tries.signed_again(secret=""), (401,)),
    Attack("signed with the bot's token", tries.signed_again(secret=TOKEN), (401,)),
    Attack("another version of signatures", tries.with_header(SIGNATURE, lambda s: s.replace("v0=", "v1=")), (401,)),
    Attack("a signature in upper case", tries.with_header(SIGNATURE, lambda s: "v0=" + s[3:].upper() + "A"), (401,)),
    Attack("a signature and more", tries.with_header(SIGNATURE, lambda s: s + "0"), (401,)),
    Attack("two signatures in one header", tries.with_header(SIGNATURE, lambda s: f"{s},{s}"), (401,)),
    Attack("half a signature", tries.with_header(SIGNATURE, lambda s: s[:35]), (401,)),
    Attack("an empty signature", tries.with_header(SIGNATURE, lambda _s: ""), (401,)),
    Attack("a signature that is no ASCII", tries.with_header(SIGNATURE, lambda _s: "v0=é".encode() * 8), (401,)),
    Attack("the signature of an empty body", tries.headers(lambda _h, _b: headers_for(b"")), (401,)),
    Attack("a body changed after signing", tries.changed_after_signing, (401,)),
    Attack("a signature over the parsed body", tries.re_encoded, (401,)),
    Attack("five minutes late", tries.signed_again(at=time.time() - 302), (401,)),
    Attack("five minutes early", tries.signed_again(at=time.time() + 3600), (401,)),
    Attack("signed at the beginning of time", tries.timestamp("0"), (401,)),
    Attack("a timestamp with a sign", tries.timestamp(f"+{int(time.time())}"), (401,)),
    Attack("a timestamp with a fraction", tries.timestamp(f"{time.time():.3f}"), (401,)),
    Attack("a timestamp of a thousand digits", tries.timestamp("9" * 1000), (401,)),
    Attack("a timestamp in hexadecimal", tries.timestamp(hex(int(time.time()))), (401,)),
    Attack("another workspace", tries.payload(lambda p, _t: p["team"].update(id="T0OTHER"))),
    Attack("no workspace at all", tries.payload(lambda p, _t: p.update(team=None)), (400,)),
    Attack("another app", tries.payload(lambda p, _t: p.update(api_app_id="A0OTHER"))),
    Attack("an empty app", tries.payload(lambda p, _t: p.update(api_app_id=""))),
    Attack("another channel", tries.payload(tries.other_channel)),
    Attack(
        "a channel that is not the message's", tries.payload(lambda p, _t: tries.move(p, channel_id="C0OTHER")), (400,)
    ),
    Attack("another message", tries.payload(lambda p, _t: tries.move(p, message_ts="1764.999999"))),
    Attack("no message", tries.payload(lambda p, _t: p.pop("container") and None), (400,)),
    Attack("a view instead of a message", tries.payload(lambda p, _t: tries.move(p, type="view")), (400,)),
    Attack("a member of a connected workspace", tries.payload(lambda p, _t: p["user"].update(team_id="T0OTHER"))),
    Attack("a guest", tries.described(is_restricted=True)),
    Attack("a guest of one channel", tries.described(is_ultra_restricted=True)),
    Attack("a bot", tries.described(is_bot=True)),
    Attack("a stranger", tries.described(is_stranger=True)),
    Attack("deactivated after the request", tries.described(deleted=True)),
    Attack("moved to another workspace after the request", tries.described(team_id="T0OTHER")),
    Attack("only invited", tries.described(is_invited_user=True)),
    Attack("a workflow", tries.described(is_workflow_bot=True)),
    Attack("not said whether a bot", tries.described(is_bot=None)),
    Attack("not said whether a guest", tries.described(is_restricted=None)),
    Attack("a flag that is neither yes nor no", tries.described(is_restricted="no")),
    Attack("somebody whom Slack does not know", lambda t: t.by("U0NOBODY")),
    Attack("a full member who is nobody in the policy", lambda t: t.by(t.slack.member("U0EVE"))),
    Attack("an approver's display name", lambda t: t.by(t.slack.member("U0EVE"), name="jon", username="jon")),
    Attack("the one who started it", lambda t: t.by(t.starter)),
    Attack("Slack does not answer who it is", tries.users_info_breaks),
    Attack("Slack answers for somebody else", tries.users_info({"ok": True, "user": {"id": "U0ANN", **MEMBER}})),
    Attack("Slack answers nothing about the user", tries.users_info({"ok": True})),
    Attack("a missing scope", tries.users_info({"ok": False, "error": "missing_scope", "needed": "users:read"})),
    Attack("the button of a release that has ended", tries.value(lambda t, _v: t.other_button)),
    Attack("a guessed button", tries.value(lambda _t, v: "A" * len(v))),
    Attack("the release's id as a button", tries.value(lambda t, _v: t.release)),
    Attack("an empty button", tries.value(lambda _t, _v: "")),
    Attack("the button in other letters", tries.value(lambda _t, v: v.swapcase())),
    Attack("half the button", tries.value(lambda _t, v: v[:20])),
    Attack("two actions at once", tries.payload(lambda p, _t: p["actions"].append(p["actions"][0])), (400,)),
    Attack("no action", tries.payload(lambda p, _t: p.update(actions=[])), (400,)),
    Attack(
        "an action of another name", tries.payload(lambda p, _t: p["actions"][0].update(action_id="approve")), (400,)
    ),
    Attack("a menu instead of a button", tries.payload(lambda p, _t: p["actions"][0].update(type="overflow")), (400,)),
    Attack("a shortcut", tries.payload(lambda p, _t: p.update(type="message_action")), (400,)),
    Attack(
        "a question for the address",
        tries.payload(lambda _p, _t: {"type": "url_verification", "challenge": "x"}),
        (400,),
    ),
    Attack("a form that says yes", tries.form(lambda _f: None), (400,)),
    Attack(
        "a reason from a stranger",
        tries.form(lambda f: f["view"].update(callback_id="gate_reject") or f["user"].update(team_id="T0OTHER")),
    ),
    Attack("the payload twice", tries.body(lambda t: body_of(t.payload()) + b"&" + body_of(t.payload())), (400,)),
    Attack("another field", tries.body(lambda t: body_of(t.payload()).replace(b"payload=", b"load=")), (400,)),
    Attack("a list for a payload", tries.body(lambda _t: body_of([1, 2])), (400,)),
    Attack("no JSON", tries.body(lambda _t: b"payload=%7B"), (400,)),
    Attack("JSON without a bottom", tries.body(lambda _t: b"payload=" + b"%5B" * 90_000), (400,)),
    Attack("a number of ten thousand digits", tries.body(lambda _t: b"payload=" + b"9" * 10_000), (400,)),
    Attack("bytes that are no text", tries.body(lambda _t: b"payload=\xff\xfe"), (400,)),
    Attack("an empty body", tries.body(lambda _t: b""), (400,)),
    Attack("JSON for a form", tries.body(lambda t: json.dumps(t.payload()).encode()), (400,)),
    Attack("the same bytes again after a refusal", tries.replayed_after_a_refusal, (409,)),
    Attack("by GET", lambda t: httpx.get(f"{t.address}/slack/interactions", params={"payload": "{}"}), (405,)),
    Attack("at a path beside it", lambda t: t.post(*tries.signed_press(t), path="/slack/interactions/"), (404,)),
    Attack("a body of two megabytes", tries.body(lambda _t: b"payload=" + b"x" * (2 << 20)), (413,)),
)
