"""The few calls of Prefect's REST API that need no import of Prefect: start, look, resume, keep an artifact."""

import os
import time
import uuid
from typing import Any

import httpx

from tasks.gate.errors import ConfigurationError
from tasks.gate.following import RunState

SECONDS = 10.0
START_PATIENCE_SECONDS = 60.0  # a server that restarts is back by then; an address that is wrong never is
PAUSE_SECONDS = 1.0


class PrefectApi:
    """A Prefect server, addressed as PREFECT_API_URL is."""

    def __init__(self, url: str, *, seconds: float = SECONDS, credentials: str | None = None) -> None:
        """Asks nobody yet.

        Args:
            url: as PREFECT_API_URL says it.
            seconds: how long an answer may take.
            credentials: user:password; what PREFECT_API_AUTH_STRING says in the environment when None.
        """
        self._url = url.rstrip("/")
        said = os.environ.get("PREFECT_API_AUTH_STRING", "") if credentials is None else credentials
        user, _, password = said.partition(":")
        self._client = httpx.Client(timeout=seconds, auth=(user, password) if user else None)
        self._client.headers["Prefect-Csrf-Client"] = str(uuid.uuid4())  # looked at only where the server asks for it

    @property
    def address(self) -> str:
        """The server's address without credentials."""
        scheme, _, rest = self._url.partition("://")
        return f"{scheme}://{rest.rsplit('@', 1)[-1]}"

    def start(self, deployment: str, parameters: dict[str, Any], *, key: str) -> str:
        """Create a run of a deployment and return its id; the same key gives the same run.

        A server that is away or answers 5xx is asked again for a minute, which the key makes safe: a reply that was
        lost on the way has left a run, and asking again finds it.

        Raises:
            ConfigurationError: no such server or deployment, or parameters that its form refuses.
        """
        found = self._ask("GET", f"/deployments/name/{deployment}")
        if found.status_code == httpx.codes.NOT_FOUND:
            raise ConfigurationError(
                f"the Prefect server at {self.address} knows no deployment {deployment}",
                hint="start `gate serve` with the same GATE_TARGET",
            )
        body = {"parameters": parameters, "idempotency_key": key}
        made = self._ask("POST", f"/deployments/{found.json()['id']}/create_flow_run", body)
        if made.status_code == httpx.codes.CONFLICT:
            raise ConfigurationError(f"the Prefect server refuses the parameters: {made.json().get('detail')}")
        if made.is_error:
            raise ConfigurationError(
                f"the Prefect server at {self.address} answered {made.status_code}; nothing was started"
            )
        return str(made.json()["id"])

    def state(self, run: str) -> RunState | None:
        """The run's state; None while the server does not answer."""
        try:
            answer = self._client.get(f"{self._url}/flow_runs/{run}")
            if not answer.is_success:
                return None
            state = answer.json()["state"]
            return RunState(type=state["type"], name=state["name"], message=state.get("message") or "")
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def lines(self, run: str, seen: int) -> list[str]:
        """What the run has logged after its first `seen` lines; nothing while the server does not answer."""
        wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "offset": seen}
        try:
            answer = self._send("POST", "/logs/filter", wanted)
            return [str(line["message"]) for line in answer.json()] if answer.is_success else []
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return []

    def resume(self, run: str, answer: dict[str, str]) -> bool:
        """Resume a suspended run with the input of its form; False when it was not waiting or nobody answered."""
        try:
            reply = self._send("POST", f"/flow_runs/{run}/resume", {"run_input": answer})
            return reply.is_success and reply.json().get("status") == "ACCEPT"
        except (httpx.HTTPError, ValueError):
            return False

    def keep(self, artifact: dict[str, Any]) -> bool:
        """Keep an artifact beside its run; False when the server does not take it."""
        return self._send("POST", "/artifacts/", artifact).is_success

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while True:
            try:
                answer = self._send(method, path, body)
                if not answer.is_server_error or time.monotonic() > deadline:
                    return answer
            except (httpx.UnsupportedProtocol, httpx.InvalidURL):
                raise self._away() from None
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise self._away() from None
            time.sleep(PAUSE_SECONDS)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """One answer; a server with PREFECT_SERVER_CSRF_PROTECTION_ENABLED first gives the token that it then wants."""
        answer = self._client.request(method, f"{self._url}{path}", json=body)
        if answer.status_code != httpx.codes.FORBIDDEN or b"CSRF" not in answer.content:
            return answer
        client = self._client.headers["Prefect-Csrf-Client"]
        given = self._client.get(f"{self._url}/csrf-token", params={"client": client})
        if not given.is_success:
            return answer
        self._client.headers["Prefect-Csrf-Token"] = str(given.json().get("token", ""))
        return self._client.request(method, f"{self._url}{path}", json=body)

    def _away(self) -> ConfigurationError:
        return ConfigurationError(
            f"the Prefect API at {self.address} does not answer; nothing is known to have started",
            hint="start the Prefect server, or correct PREFECT_API_URL",
        )
