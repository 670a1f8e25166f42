"""The doctor's questions to Slack: who we are there, whether the channel is ours alone, and whether its people are."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from config.settings import Settings
from tasks.clients.slack import Slack, SlackError, SlackRefused
from tasks.doctor_bench import Bench
from tasks.doctor_servers import SKEW_S
from tasks.gate.errors import ConfigurationError
from tasks.gate.slack_person import stranger
from tasks.gate.slack_signature import signed
from tasks.gate.wording import duration, listing
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned

SCOPES = ("chat:write", "users:read", "files:write")
CHANNEL_SCOPES = ("groups:read", "channels:read")  # of a private and of a public channel
SETTINGS_OF_SLACK = ("slack_channel", "slack_bot_token")
PROBE = b"payload=%7B%22type%22%3A%22gate_doctor%22%7D"  # signed like a press, and none
TIMEOUT_S = 8.0


def slack(bench: Bench) -> Answer:
    """Sign in, and hold the scopes and the clock against what a release needs."""
    settings = bench.settings
    if _wanted(settings) and (missing := _missing(settings)):
        return failed(f"Slack is configured in part: {listing(missing)} missing", hint="set them, or unset all of them")
    client = _client(settings)
    if client is None:
        return not_configured("releases are not asked for in Slack", hint="README, Settings: GATE_SLACK_…")
    try:
        me, date, scopes = client.clock_and_identity()
    except SlackError as error:
        return failed(error.message, hint=error.hint)
    if lacking := _lacking(scopes):
        return failed(f"the app lacks the scopes {listing(lacking)}", hint="add them to the app, and install it again")
    skew = _skew(date)
    if skew is not None and skew > SKEW_S:
        return failed(
            f"this machine's clock and Slack's are {duration(skew)} apart",
            hint="synchronise this machine with NTP: a request that is 5 minutes off is refused",
        )
    return passed(f"signed in as app {me.get('app_id') or me.get('bot_id')} of workspace {me.get('team_id')}")


def channel(bench: Bench) -> Answer:
    """Look at the channel: ours alone, alive, and the bot is in it."""
    client, wanted = _client(bench.settings), bench.settings.slack_channel
    if client is None or wanted is None:
        return not_configured("no channel of Slack is set")
    try:
        found = client.call("conversations.info", form={"channel": wanted}).get("channel")
    except SlackError as error:
        return failed(error.message, hint=error.hint)
    is_so = found if isinstance(found, dict) else {}
    if is_so.get("is_ext_shared") or is_so.get("is_pending_ext_shared"):
        return failed(f"channel {wanted} is shared with another organisation", hint="use a private channel of your own")
    if is_so.get("is_archived"):
        return failed(f"channel {wanted} is archived", hint="set another GATE_SLACK_CHANNEL")
    if is_so.get("is_member") is False:
        return failed(f"the bot is not in channel {wanted}", hint="/invite it there")
    if is_so.get("is_private") is False:
        return warned(f"channel {wanted} is public: everybody reads what releases change", hint="use a private channel")
    return passed(f"channel {wanted} is private, and the bot is in it")


def people(bench: Bench) -> Answer:
    """Ask Slack about everybody in `[[people]]` who has a Slack id: a typing error there locks an approver out."""
    client = _client(bench.settings)
    if client is None:
        return not_configured("nobody decides in Slack")
    known = [person for person in bench.policy.people if person.slack]
    if not known:
        return warned(
            "nobody in gate.toml has a Slack id, so nobody can approve in Slack",
            hint='[[people]] name = "ann", slack = "U0123456789"',
        )
    wrong: list[str] = []
    try:
        team = str(client.call("auth.test", form={}).get("team_id"))
        for person in known:
            wrong += [f"{person.name} is {reason}" for reason in (_reason(client, str(person.slack), team),) if reason]
    except SlackError as error:
        return failed(error.message, hint=error.hint)
    if wrong:
        return failed(listing(wrong), wrong, hint="correct their ids in gate.toml: these people cannot decide in Slack")
    return passed(f"Slack knows {listing([person.name for person in known])} as full members")


def served(bench: Bench) -> Answer:
    """Call our own public address as Slack would: signed, and with nothing to do."""
    url, secret = bench.settings.serve_url, bench.settings.slack_signing_secret
    if not url or secret is None:
        return not_configured("no public address is set", hint="set GATE_SERVE_URL, or use Socket Mode")
    timestamp = str(int(time.time()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": signed(secret.get_secret_value(), timestamp, PROBE),
    }
    try:
        answer = httpx.post(
            f"{url.rstrip('/')}/slack/interactions",
            content=PROBE,
            headers=headers,
            timeout=TIMEOUT_S,
            follow_redirects=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL):
        return failed("GATE_SERVE_URL does not answer", hint="start `gate serve`, and look at the proxy before it")
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return passed("GATE_SERVE_URL answers, and knows a signed request from others")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return failed(
            "GATE_SERVE_URL refuses a signed request",
            hint="its GATE_SLACK_SIGNING_SECRET is another one, its clock is off, or a proxy changes the body",
        )
    return failed(
        f"GATE_SERVE_URL answered {answer.status_code}", hint="let the proxy pass /slack/interactions through"
    )


def _wanted(settings: Settings) -> bool:
    secrets = (settings.slack_bot_token, settings.slack_signing_secret, settings.slack_app_token)
    return settings.slack_channel is not None or any(secrets)


def _missing(settings: Settings) -> list[str]:
    names = [name for name in SETTINGS_OF_SLACK if getattr(settings, name) is None]
    if settings.slack_signing_secret is None and settings.slack_app_token is None:
        names.append("slack_signing_secret")
    return [f"GATE_{name.upper()}" for name in names]


def _client(settings: Settings) -> Slack | None:
    if not _wanted(settings) or _missing(settings) or settings.slack_bot_token is None:
        return None
    try:
        return Slack(settings.slack_bot_token, settings.slack_api_url)
    except ConfigurationError:
        return None


def _reason(client: Slack, user: str, team: str) -> str:
    try:
        found = client.call("users.info", form={"user": user}).get("user")
    except SlackRefused as refused:
        if refused.error in ("user_not_found", "user_not_visible"):
            return "nobody whom Slack knows"
        raise
    return stranger(found if isinstance(found, dict) else {}, user_id=user, team=team)


def _lacking(scopes: str) -> list[str]:
    """The scopes that a release needs and the token has not; none where Slack does not say which it has."""
    given = {scope.strip() for scope in scopes.split(",") if scope.strip()}
    if not given:
        return []
    seen = [] if given & set(CHANNEL_SCOPES) else [CHANNEL_SCOPES[0]]
    return [*(scope for scope in SCOPES if scope not in given), *seen]


def _skew(date: str) -> float | None:
    try:
        there = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return abs((datetime.now(UTC) - there.astimezone(UTC)).total_seconds())


SLACK = Check("slack", "Slack takes the ask", slack)
SLACK_CHANNEL = Check("slack-channel", "The channel is ours alone", channel)
SLACK_PEOPLE = Check("slack-people", "The people can decide in Slack", people)
SERVED = Check("serve", "Slack can reach gate serve", served)
