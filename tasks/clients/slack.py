"""Slack's Web API: each call bounded in time, refusals by Slack's own names, and no token in any sentence.

SlackError
├── SlackRefused   Slack answered, and said no: `missing_scope`, `channel_not_found`, ...
└── SlackAway      no answer that says anything; `may_have_acted` tells whether Slack may have done it all the same
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from tasks.gate.errors import ConfigurationError, GateError

SECONDS = 8.0  # one attempt
FILE_SECONDS = 4.0  # one of the three calls that an upload is; the message must not wait long for its file
ATTEMPTS = 3
LONGEST_PAUSE = 30.0
BODY_LIMIT = 4 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
UNSETTLED = ("fatal_error", "internal_error", "service_unavailable", "request_timeout")  # it may have been done
LATER = ("ratelimited", "rate_limited", *UNSETTLED)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


class SlackError(GateError):
    """Slack did not do what it was asked."""


class SlackRefused(SlackError):
    """Slack said no."""

    def __init__(self, method: str, error: str, needed: str = "") -> None:
        """Keep Slack's own word for it."""
        name = error if _NAME.fullmatch(error) else "an unreadable error"
        scope = f" (scope {needed})" if re.fullmatch(r"[a-z:.,_]{1,80}", needed) else ""
        super().__init__(f"Slack answered {method} with {name}{scope}", hint=_HINTS.get(name, ""))
        self.error = name


class SlackAway(SlackError):
    """Slack cannot be reached, or did not answer in time."""

    def __init__(self, method: str, why: str, *, may_have_acted: bool) -> None:
        """Keep whether the call may have been carried out."""
        super().__init__(f"Slack {why} when it was asked for {method}")
        self.may_have_acted = may_have_acted


class Slack:
    """One workspace, as one app's bot. Threads may share it."""

    def __init__(self, token: SecretStr, api_url: str) -> None:
        """Contact nobody yet.

        Args:
            token: the bot's, or for Socket Mode the app's.
            api_url: `https://slack.com/api`, or where tests listen on loopback.

        Raises:
            ConfigurationError: the address would send the token in the clear.
        """
        parts = urlsplit(api_url)
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise ConfigurationError(
                "GATE_SLACK_API_URL is no https address, and the token would be sent in the clear",
                hint="leave it unset for Slack itself",
            )
        self._token = token
        self._url = api_url.rstrip("/")
        self._plain = parts.scheme == "http"
        self._http = httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=True)

    def call(
        self,
        method: str,
        *,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        attempts: int = ATTEMPTS,
        twice_is_harmless: bool = True,
    ) -> dict[str, Any]:
        """Call a method; waits and tries again where Slack asks for that.

        Args:
            method: `chat.postMessage` and so on.
            body: arguments as JSON.
            form: arguments as a form, for the methods that take no JSON.
            seconds: bound of one attempt.
            attempts: how often at most.
            twice_is_harmless: whether an attempt that may have been carried out may be repeated.

        Raises:
            SlackRefused, SlackAway: see there.
        """
        for attempt in range(1, attempts + 1):
            try:
                return self._once(method, body, form, seconds)
            except _Throttled as throttled:
                if attempt == attempts or throttled.seconds > LONGEST_PAUSE:
                    raise SlackAway(method, "asks to wait", may_have_acted=False) from None
                time.sleep(throttled.seconds)
            except SlackAway as away:
                if attempt == attempts or (away.may_have_acted and not twice_is_harmless):
                    raise
                time.sleep(min(2.0, 0.25 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    def upload(self, name: str, content: bytes, *, channel: str, thread: str) -> str:
        """Put a file into a thread and return its id.

        Raises:
            SlackRefused, SlackAway: as `call`; the thread may then hold no file.
        """
        wanted = {"filename": name, "length": str(len(content))}
        place = self.call("files.getUploadURLExternal", form=wanted, seconds=FILE_SECONDS, attempts=2)
        url, file_id = str(place.get("upload_url", "")), str(place.get("file_id", ""))
        if urlsplit(url).scheme != "https" and not (self._plain and urlsplit(url).hostname in LOOPBACK):
            raise SlackAway("files.getUploadURLExternal", "named no https address", may_have_acted=False)
        try:
            binary = {"content-type": "application/octet-stream"}
            sent = self._http.post(url, content=content, headers=binary, timeout=FILE_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SlackAway("the upload", "did not answer", may_have_acted=False) from None
        if sent.status_code != httpx.codes.OK:
            raise SlackAway("the upload", f"answered {sent.status_code}", may_have_acted=False)
        files = json.dumps([{"id": file_id, "title": name}])
        shared = {"files": files, "channel_id": channel, "thread_ts": thread}
        self.call("files.completeUploadExternal", form=shared, seconds=FILE_SECONDS, attempts=2)
        return file_id

    def clock_and_identity(self) -> tuple[dict[str, Any], str, str]:
        """`auth.test`, Slack's Date header, and the scopes of the token.

        Raises:
            SlackRefused, SlackAway: as `call`.
        """
        answer = self._send("auth.test", None, {}, SECONDS)
        return (
            _read("auth.test", answer),
            answer.headers.get("date", ""),
            answer.headers.get("x-oauth-scopes", ""),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _once(
        self, method: str, body: Mapping[str, Any] | None, form: Mapping[str, str] | None, seconds: float
    ) -> dict[str, Any]:
        return _read(method, self._send(method, body, form, seconds))

    def _send(
        self, method: str, body: Mapping[str, Any] | None, form: Mapping[str, str] | None, seconds: float
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._token.get_secret_value()}", "accept": "application/json"}
        given: dict[str, Any] = {"data": dict(form or {})}
        if body is not None:
            headers["content-type"] = "application/json; charset=utf-8"
            given = {"content": json.dumps(body).encode()}
        try:
            return self._http.post(f"{self._url}/{method}", headers=headers, timeout=seconds, **given)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise SlackAway(method, "cannot be reached", may_have_acted=False) from None
        except httpx.TimeoutException:
            raise SlackAway(method, "did not answer in time", may_have_acted=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise SlackAway(method, "did not answer", may_have_acted=True) from None


class _Throttled(Exception):
    """Slack asks for patience."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def _read(method: str, answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise _Throttled(_pause(answer))
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise SlackAway(method, f"answered {answer.status_code}", may_have_acted=True)
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise SlackRefused(method, f"http_{answer.status_code}")
    try:
        said = answer.json() if len(answer.content) <= BODY_LIMIT else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise SlackAway(method, "answered something that is not its API", may_have_acted=True)
    if said.get("ok") is True:
        return said
    error = str(said.get("error", ""))
    if error in LATER:
        if error in UNSETTLED:
            raise SlackAway(method, f"answered {error}", may_have_acted=True)
        raise _Throttled(_pause(answer))
    raise SlackRefused(method, error, str(said.get("needed", "")))


def _pause(answer: httpx.Response) -> float:
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 6 else 1.0  # noqa: PLR2004


_HINTS = {
    "missing_scope": "add the scope to the app (deploy/ has its manifest), and install it again",
    "not_in_channel": "invite the app's bot into the channel: /invite @release-gate",
    "channel_not_found": "GATE_SLACK_CHANNEL must be the id of a channel that the bot is in",
    "invalid_auth": "GATE_SLACK_BOT_TOKEN is not, or not any more, a token of the app",
    "token_revoked": "install the app again, and set its new GATE_SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace: install it again",
    "is_archived": "the channel is archived: set another GATE_SLACK_CHANNEL",
}
