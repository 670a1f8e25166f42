"""The application code is updated: the version endpoint names the version that this release belongs to."""

import json

from tasks.clients.health import shown
from tasks.gate.wording import cut
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned
from tasks.preflight.question import Surroundings

TIMEOUT_S = 5.0
MOST_BYTES = 65536  # of the answer are read: a version is short, and the address may be wrong
SHOWN = 80  # characters of an unexpected answer


def ask(around: Surroundings) -> Answer:
    """Ask the version URL: its text, or any value at the top of its JSON object, must be the expected version."""
    url, expected = around.settings.version_url, around.settings.expected_version
    if not url:
        if expected:
            return failed(f"version {expected} is expected, and nothing says where to ask", hint="set GATE_VERSION_URL")
        return not_configured("no version URL is set", hint="set GATE_VERSION_URL and GATE_EXPECTED_VERSION")
    status, body = _fetch(url)
    if not 200 <= status < 300:  # noqa: PLR2004
        what = f"answered {status}" if status else "could not be asked"
        return failed(f"{shown(url)} {what}", hint="the address must answer 2xx with the version, without a redirect")
    said = versions_in(body)
    first = cut(said[0], SHOWN) if said else "nothing"
    if not expected:
        return warned(f"{shown(url)} says {first}; nothing to compare it with", hint="set GATE_EXPECTED_VERSION")
    if expected in said:
        return passed(f"the application is at {expected}")
    return failed(
        f"the application is at {first}, and {expected} is expected",
        hint="deploy the application first, or correct GATE_EXPECTED_VERSION",
    )


def versions_in(body: str) -> list[str]:
    """What an answer may mean: its text, or each text or number at the top of a JSON object, `version` first."""
    try:
        document = json.loads(body)
    except ValueError:
        return [body.strip()] if body.strip() else []
    if not isinstance(document, dict):
        return [str(document)]
    names = sorted(document, key=lambda name: name.lower() != "version")
    return [str(document[n]) for n in names if isinstance(document[n], str | int | float)]


def _fetch(url: str) -> tuple[int, str]:
    """Status and text; status 0 when there was no answer."""
    import httpx

    body = b""
    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            for chunk in response.iter_bytes(MOST_BYTES):
                body += chunk
                if len(body) >= MOST_BYTES:
                    break
            return response.status_code, body.decode("utf-8", "replace")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError):
        return 0, ""


CHECK = Check("version", "Application code updated", ask, releases_only=True)
