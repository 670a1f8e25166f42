"""Ask a health endpoint whether the application is well."""

import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.gate.model import Model

if TYPE_CHECKING:
    import httpx  # at first use: it costs a tenth of a second, and most commands ask nobody

WELL = range(200, 300)


class HealthAnswer(Model):
    """What the endpoint said last, in one sentence without secrets."""

    ok: bool
    status: int | None  # HTTP status; None when there was no answer
    sentence: str


class _Try(NamedTuple):
    status: int | None
    said: str


def ask_health(url: str, *, attempts: int = 1, pause_s: float = 1.0, timeout_s: float = 5.0) -> HealthAnswer:
    """Ask until the endpoint answers 2xx or the attempts are used up; redirects are not followed.

    Args:
        url: http or https address; user, password and query are never shown.
        attempts: how often to ask, at least once.
        pause_s: pause between two attempts, in seconds.
        timeout_s: bound of one attempt, in seconds.
    """
    import httpx

    attempts = max(1, attempts)
    place = shown(url)
    answer = _Try(None, "was not asked")
    with httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client:
        for attempt in range(1, attempts + 1):
            answer = _ask(client, url)
            if answer.status in WELL:
                tries = f" at attempt {attempt}" if attempt > 1 else ""
                return HealthAnswer(ok=True, status=answer.status, sentence=f"{place} {answer.said}{tries}")
            if attempt < attempts:
                time.sleep(pause_s)
    tries = f", {attempts} attempts" if attempts > 1 else ""
    return HealthAnswer(ok=False, status=answer.status, sentence=f"{place} {answer.said}{tries}")


def shown(url: str) -> str:
    """The address without user, password, query and fragment, which may be secrets."""
    import httpx

    try:
        parts = httpx.URL(url)
        port = f":{parts.port}" if parts.port else ""
    except (httpx.InvalidURL, ValueError):
        return "the health URL"
    return f"{parts.scheme}://{parts.host}{port}{parts.path}" if parts.host else "the health URL"


def _ask(client: "httpx.Client", url: str) -> _Try:
    import httpx

    try:
        with client.stream("GET", url) as response:  # the body is not read: it may be endless
            return _Try(response.status_code, f"answered {response.status_code} {response.reason_phrase}".rstrip())
    except httpx.TimeoutException:
        return _Try(None, "did not answer in time")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return _Try(None, "is not an address that can be asked (http or https)")
    except httpx.ConnectError:
        return _Try(None, "could not be reached")
    except (httpx.HTTPError, ValueError, OSError) as error:
        return _Try(None, f"failed: {type(error).__name__}")
