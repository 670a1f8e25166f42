"""The HTTP beneath GitHub's and GitLab's API: tries again, follows pages, and speaks to the configured host only."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from tasks.gate.errors import ConfigurationError

PAGE = 100
MOST_PAGES = 30
SECONDS = 10.0
TRIES = 3
LONGEST_WAIT_SECONDS = 30.0  # a rate limit that lasts longer is said, not waited for
PAUSE_SECONDS = 0.5
MISSING = httpx.codes.NOT_FOUND


class Forge:
    """One server of a kind; it follows no redirect."""

    def __init__(
        self,
        name: str,
        api_url: str,
        headers: Mapping[str, str],
        *,
        limits: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Asks nobody yet.

        Args:
            name: `GitHub`; its settings begin with GATE_ and it.
            api_url: the address that every path follows.
            headers: the token among them.
            limits: what stands before the names of its rate limit's headers.
            sleep: waits; the tests' own.
        """
        self.name, self.url = name, api_url.rstrip("/")
        self._limits, self._sleep = limits, sleep
        self._client = httpx.Client(
            timeout=SECONDS, follow_redirects=False, headers={"User-Agent": "gate", **dict(headers)}
        )

    def pages(self, path: str, checked: Callable[[httpx.Response], httpx.Response]) -> Iterator[dict[str, Any]]:
        """Every entry of a listing.

        Raises:
            ConfigurationError: no answer, one that `checked` refuses, or a listing without end.
        """
        url = self.url + path
        for _ in range(MOST_PAGES):
            answer = checked(self.ask("GET", url))
            yield from answer.json()
            url = answer.links.get("next", {}).get("url", "")
            if not url:
                return
        found = f"more than {MOST_PAGES * PAGE} entries"
        raise ConfigurationError(f"{self.name} answers {path.partition('?')[0]} with {found}")

    def ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One answer; a blink of the network, a 5xx and a short rate limit are tried again.

        Raises:
            ConfigurationError: no answer, or an address on another host.
        """
        url = url if url.startswith("http") else self.url + url
        if httpx.URL(url).netloc != httpx.URL(self.url).netloc:
            raise ConfigurationError(f"{self.name}'s answer leads to another host, which is not asked")
        wait = 0.0
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._client.request(method, url, json=body)
            except httpx.HTTPError as error:
                if attempt == TRIES:
                    raise self._away(type(error).__name__) from None
                wait = PAUSE_SECONDS * attempt
            else:
                wait = self._wait(answer, attempt)
                if not wait or attempt == TRIES or wait > LONGEST_WAIT_SECONDS:
                    return answer
            self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    def refuse(self, answer: httpx.Response, remedy: str) -> ConfigurationError:
        """What to raise for an answer that is none: a bad token and a used up limit are named as such."""
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return ConfigurationError(
                f"{self.name} does not take the token", hint=f"renew GATE_{self.name.upper()}_TOKEN"
            )
        wait = self._wait(answer, 1)
        if wait > LONGEST_WAIT_SECONDS:
            return ConfigurationError(
                f"{self.name}'s rate limit is used up for {wait / 60:.0f} min", hint="try again then"
            )
        return ConfigurationError(
            f"{self.name} answered {answer.status_code} to {answer.request.method} {answer.request.url.path}",
            hint=remedy,
            status=answer.status_code,
        )

    def _away(self, how: str) -> ConfigurationError:
        host = httpx.URL(self.url).host
        return ConfigurationError(
            f"{self.name} ({host}) could not be asked: {how}",
            hint=f"check the network and GATE_{self.name.upper()}_API_URL",
        )

    def _wait(self, answer: httpx.Response, attempt: int) -> float:
        """Seconds after which to ask again; 0 when this answer is the answer."""
        if answer.is_server_error:
            return PAUSE_SECONDS * attempt
        if answer.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
            return 0.0
        if (after := answer.headers.get("retry-after", "")).isdigit():
            return float(after) or PAUSE_SECONDS
        remaining = answer.headers.get(f"{self._limits}ratelimit-remaining")
        reset = answer.headers.get(f"{self._limits}ratelimit-reset", "")
        if remaining == "0" and reset.isdigit():
            return max(PAUSE_SECONDS, float(reset) - time.time())
        return 0.0


def document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty where it holds another thing."""
    found = answer.json()
    return found if isinstance(found, dict) else {}
