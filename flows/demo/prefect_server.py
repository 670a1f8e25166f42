"""A Prefect server of the demo's own: on loopback, with its rows in a folder that goes with it."""

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from tasks.clients.child import plain_environment
from tasks.clients.parent_death import spawn
from tasks.gate.errors import ConfigurationError

START_SECONDS = 60.0  # 5 to 9 s on an idle machine
HOST = "127.0.0.1"


class PrefectServer:
    """A Prefect server, visible at `ui`; it ends with this process, whatever ends that."""

    def __init__(self, home: Path, database: str = "") -> None:
        """Nothing is started yet.

        Args:
            home: an empty folder for everything it writes.
            database: where its rows go, as SQLAlchemy writes an address; a file below `home` when empty.
        """
        self.home = home
        self._database = database or f"sqlite+aiosqlite:///{home / 'prefect.db'}"
        self.port = 0
        self._closing = ExitStack()
        self._given_up = threading.Event()

    @property
    def api(self) -> str:
        """What PREFECT_API_URL says."""
        return f"http://{HOST}:{self.port}/api"

    @property
    def ui(self) -> str:
        """Where to look with a browser."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that a flow needs to be seen there, and to tell nobody else about it."""
        return {
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            ConfigurationError: it does not come up.
        """
        self.port = self.port or _free_port()  # one that is started again is where it was
        argv = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(self.port)]
        environment = {
            **plain_environment(),
            **self.environment,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self._database,
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        }
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "log").open("wb") as log:
            # SIGKILL: its rows are worth nothing, politeness costs seconds, and it has no children of its own.
            server = spawn(
                subprocess.Popen,
                argv,
                death_signal=signal.SIGKILL,
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._closing.callback(_end, server)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if server.poll() is not None or time.monotonic() > deadline or self._given_up.wait(0.1):
                raise self._failure()
        return self

    def give_up(self) -> None:
        """Let a start that is under way end soon."""
        self._given_up.set()

    def stop(self) -> None:
        """End it; safe to call twice."""
        self.give_up()
        self._closing.close()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=2.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _failure(self) -> ConfigurationError:
        said = (self.home / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        words = said[0].strip() if said else "it said nothing"
        return ConfigurationError(f"the demo's Prefect server does not start: {words}", hint="try again")


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
