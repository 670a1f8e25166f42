"""What the acts stand on: the databases filled, the application at work, and the real `gate` command within reach."""

import json
import secrets
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from flows.demo import shop
from flows.demo.running_application import Application
from flows.demo.servers import Servers
from tasks.clients.child import plain_environment
from tasks.clients.parent_death import spawn
from tasks.gate.errors import GateError
from tasks.gate.wording import count

GATE = Path(sysconfig.get_path("scripts")) / "gate"
WATCH_SECONDS = "2"
IN_PRODUCTION, IN_STAGING = "2.3", "2.4"  # versions of the application: staging is one ahead, as it should be


@dataclass
class Stage:
    """Everything an act needs."""

    project: Path
    environment: dict[str, str]
    application: Application
    staging: SecretStr
    hands_free: bool  # nobody is asked anything

    def gate(self, *arguments: str) -> int:
        """Run the real command in the project's folder, in this terminal; returns its exit code."""
        child = spawn(
            subprocess.Popen,
            [str(GATE), *arguments],
            death_signal=signal.SIGTERM,
            env=self.environment,
            cwd=self.project,
            stdin=subprocess.DEVNULL if self.hands_free else None,
        )
        try:
            return child.wait()
        finally:
            _end(child)

    def answer(self, *arguments: str) -> str:
        """What the real command prints.

        Raises:
            GateError: it failed.
        """
        done = subprocess.run(
            [str(GATE), *arguments], env=self.environment, cwd=self.project, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise GateError(f"gate {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def newest_release(self) -> dict[str, Any]:
        """The last release as `gate status --json` tells it."""
        releases: list[dict[str, Any]] = json.loads(self.answer("status", "--json"))["releases"]
        return max(releases, key=lambda release: str(release["id"]))


@contextmanager
def stage(servers: Servers, *, hands_free: bool) -> Iterator[tuple[Stage, str]]:
    """Fill the databases and start the application; yields the stage and a sentence on what stands on it."""
    project = servers.folder / "shop"
    shop.check_out(project, shop.SHIPPED_BEFORE)
    production = servers.production.create_database(shop.NAME)
    staging = servers.staging.create_database(shop.NAME)
    for url in (production, staging):
        shop.migrate(url, project)
    rows = shop.fill(production, shop.CUSTOMERS)
    shop.fill(staging, shop.STAGING_CUSTOMERS)
    password = secrets.token_urlsafe(18)
    users = [shop.let_the_application_in(url, password) for url in (production, staging)]
    with Application(users[0], IN_PRODUCTION) as live, Application(users[1], IN_STAGING, idle=True) as ahead:
        settings = {
            "GATE_TARGET": shop.NAME,
            "GATE_PRODUCTION_URL": production.get_secret_value(),
            "GATE_STAGING_URL": staging.get_secret_value(),
            "GATE_STORE_URL": servers.store_url,
            "GATE_HEALTH_URL": live.health_url,
            "GATE_STAGING_HEALTH_URL": ahead.health_url,
            "GATE_WATCH_SECONDS": WATCH_SECONDS,
        }
        environment = {**plain_environment(), **servers.store.environment, **servers.prefect.environment, **settings}
        yield Stage(project, environment, live, staging, hands_free), f"{count(rows, 'row')} in production"


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Let an interrupted release leave its word before it goes."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
