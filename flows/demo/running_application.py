"""Starts the shop's application as a process of its own, and asks it how it has been."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from flows.demo.application import URL
from tasks.clients.child import plain_environment, start
from tasks.gate.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Tally:
    """What the application did in a stretch of time."""

    reads: int
    writes: int
    errors: int
    thrown_out: int  # connections lost, and attempts to get in again that failed
    longest_gap_seconds: float  # without a page or an order
    complaint: str  # what the database said last when it refused


class Application:
    """A running application; ends with the block, and with this process."""

    def __init__(self, url: SecretStr, version: str, *, idle: bool = False) -> None:
        """Nothing runs yet.

        Args:
            url: the database, as the application's own role.
            version: which columns it knows.
            idle: it only answers for its health.
        """
        self._url = url
        self._argv = [
            sys.executable,
            "-m",
            "flows.demo.application",
            "--version",
            version,
            *(["--idle"] if idle else []),
        ]
        self._closing = ExitStack()
        self._address = ""

    @property
    def health_url(self) -> str:
        """Answers 200 when the application can do its work."""
        return f"{self._address}/health"

    def take_tally(self) -> Tally:
        """What it did since the last time that somebody asked."""
        content: dict[str, Any] = httpx.get(f"{self._address}/tally", timeout=10.0, trust_env=False).json()
        return Tally(**content)

    def __enter__(self) -> Self:
        environment = {**plain_environment(), URL: self._url.get_secret_value()}
        child = self._closing.enter_context(start(self._argv, environment=environment, stdin=subprocess.PIPE, cwd=ROOT))
        assert child.stdout is not None
        try:
            port = json.loads(child.stdout.readline())["port"]
        except (ValueError, KeyError):
            self._closing.close()
            said = child.error_text().strip().splitlines()[-1:] or ["it said nothing"]
            raise ConfigurationError(f"the demo's application does not start: {said[0]}") from None
        self._address = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()
