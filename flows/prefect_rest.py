"""The few calls of Prefect's REST API that need no import of Prefect: start, look, resume."""

import os
from typing import Any

import httpx

from tasks.gate.errors import ConfigurationError

SECONDS = 10.0


class PrefectApi:
    """A Prefect server, addressed as PREFECT_API_URL is."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        self._url = url.rstrip("/")
        user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        self._client = httpx.Client(timeout=seconds, auth=(user, password) if user else None)

    @property
    def address(self) -> str:
        """The server's address without credentials."""
        scheme, _, rest = self._url.partition("://")
        return f"{scheme}://{rest.rsplit('@', 1)[-1]}"

    def start(self, deployment: str, parameters: dict[str, Any], *, key: str) -> str:
        """Create a run of a deployment and return its id; the same key gives the same run.

        Raises:
            ConfigurationError: no such server or deployment, or parameters that its form refuses.
        """
        found = self._ask("GET", f"/deployments/name/{deployment}")
        if found.status_code == httpx.codes.NOT_FOUND:
            raise ConfigurationError(
                f"the Prefect server at {self.address} knows no deployment {deployment}",
                hint="start `gate serve` with the same GATE_TARGET",
            )
        body: dict[str, Any] = {"parameters": parameters}
        if key:
            body["idempotency_key"] = key
        made = self._ask("POST", f"/deployments/{found.json()['id']}/create_flow_run", body)
        if made.status_code == httpx.codes.CONFLICT:
            raise ConfigurationError(f"the Prefect server refuses the parameters: {made.json().get('detail')}")
        if made.is_error:
            raise ConfigurationError(
                f"the Prefect server at {self.address} answered {made.status_code}; nothing was started"
            )
        return str(made.json()["id"])

    def state(self, run: str) -> dict[str, Any] | None:
        """The run's state; None while the server does not answer."""
        try:
            answer = self._client.get(f"{self._url}/flow_runs/{run}")
            return dict(answer.json()["state"]) if answer.is_success else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def resume(self, run: str, answer: dict[str, str]) -> bool:
        """Resume a suspended run with the input of its form; False when it was not waiting or nobody answered."""
        try:
            reply = self._client.post(f"{self._url}/flow_runs/{run}/resume", json={"run_input": answer})
            return reply.is_success and reply.json().get("status") == "ACCEPT"
        except (httpx.HTTPError, ValueError):
            return False

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return self._client.request(method, f"{self._url}{path}", json=body)
        except httpx.HTTPError:
            raise ConfigurationError(
                f"the Prefect API at {self.address} does not answer; nothing was started",
                hint="start the Prefect server, or correct PREFECT_API_URL",
            ) from None
