"""A real Prefect server with its rows in PostgreSQL, `gate serve` beside it, and what tests ask of both."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from flows.demo.prefect_server import PrefectServer
from tests.acceptance.project import Project


@pytest.fixture
def watched(project: Project, prefect: PrefectServer) -> Project:
    """A project whose releases the Prefect server sees."""
    project.extra |= prefect.environment | {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    project.extra["GATE_TARGET"] = f"shop-{project.mark}"
    return project


@pytest.fixture
def served(watched: Project) -> Iterator[Project]:
    """The same with `gate serve` beside it."""
    watched.ready()
    with serving(watched):
        yield watched


@contextmanager
def serving(watched: Project, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`gate serve`, once its deployments are there; told to stop twice at the end, so that no run is waited for."""
    process = watched.start("serve", **more)
    try:
        until(lambda: deployment(watched) is not None, "the deployment is there")
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def api(project: Project) -> str:
    return project.extra["PREFECT_API_URL"]


def ask(project: Project, method: str, path: str, body: Any = None) -> Any:
    """What the server answers; 503, with which it says that its database was busy, is asked again as its clients do."""
    for pause in (0.5, 1, 2, 4, 0):
        answer = httpx.request(method, f"{api(project)}{path}", json=body, timeout=20, trust_env=False)
        if answer.status_code != 503 or not pause:
            break
        time.sleep(pause)
    answer.raise_for_status()
    return answer.json()


def deployment(project: Project) -> str | None:
    path = f"/deployments/name/release/{project.extra['GATE_TARGET']}"
    answer = httpx.get(f"{api(project)}{path}", timeout=20, trust_env=False)
    return str(answer.json()["id"]) if answer.is_success else None


def start(project: Project) -> str:
    made = ask(project, "POST", f"/deployments/{deployment(project)}/create_flow_run", {"parameters": {}})
    return str(made["id"])


def cancel(project: Project, run: str) -> None:
    """What the Cancel button of the UI does."""
    ask(project, "POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})


def state(project: Project, run: str) -> dict[str, Any]:
    return dict(ask(project, "GET", f"/flow_runs/{run}")["state"])


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.3)
