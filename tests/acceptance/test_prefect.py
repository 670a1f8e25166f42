"""Releases under a real Prefect server, whose rows are in PostgreSQL: what it shows, and what it cannot bend."""

import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.demo.prefect_server import PrefectServer
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import Project

STEPS = ["Plan", "Preflight", "Back up", "Prove the backup", "Rehearse", "Check again", "Apply", "Verify"]


@pytest.fixture(scope="module")
def prefect(production_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """One Prefect server for the module."""
    url = production_server.create_database(f"prefect_{uuid.uuid4().hex[:8]}").get_secret_value().split("?")[0]
    home = tmp_path_factory.mktemp("prefect")
    server = PrefectServer(home, re.sub(r"^postgresql://", "postgresql+asyncpg://", url))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def watched(project: Project, prefect: PrefectServer) -> Project:
    """A project whose releases the Prefect server sees."""
    project.extra |= prefect.environment | {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    project.extra["GATE_TARGET"] = f"shop{project.home.name[-12:]}".replace("_", "-")
    return project


@pytest.fixture
def served(watched: Project) -> Iterator[Project]:
    """The same with `gate serve` beside it."""
    watched.ready()
    serving = watched.start("serve")
    try:
        _until(lambda: _deployment(watched) is not None, "the deployment is there")
        yield watched
    finally:
        serving.send_signal(signal.SIGINT)
        try:
            serving.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            serving.kill()
            serving.communicate()


def test_a_run_from_the_command_line_shows_every_step_with_its_evidence(watched: Project):
    watched.ready()
    ended = watched.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    run = _ask(watched, "POST", "/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})[0]
    assert run["state"]["type"] == "COMPLETED"
    assert run["state"]["message"] == f"released: {ended.document['sentence']}"
    tasks = _ask(watched, "POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {t["name"] for t in tasks} >= set(STEPS)
    artifacts = _ask(watched, "POST", "/artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {a["key"] for a in artifacts} >= {"plan", "preflight", "prove-the-backup", "rehearse"}
    assert "Traceback" not in ended.all


def test_a_release_started_in_prefect_waits_suspended_and_goes_on_after_an_approval_at_the_command_line(
    served: Project,
):
    run = _start(served)
    _until(lambda: _state(served, run)["name"] == "Suspended", "the run is suspended", 90)
    release = served.waiting_release()
    approved = served.gate("approve", release)
    assert approved.code == 0, approved.all
    assert "could not be woken" not in approved.out
    _until(lambda: _state(served, run)["type"] == "COMPLETED", "the run has ended", 90)
    assert "note" in served.columns()


def test_a_form_in_the_prefect_ui_decides_once_and_a_retry_never_reuses_it(served: Project):
    invariants = served.home / "invariants"
    invariants.mkdir()
    (invariants / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    served.policy += f'invariants = "{invariants}"\n'
    served.environment()
    run = _start(served)
    _until(lambda: _state(served, run)["name"] == "Suspended", "the run is suspended", 90)
    answer = {"decision": "approve", "your_name": "ann", "comment": "from the form"}
    resumed = _ask(served, "POST", f"/flow_runs/{run}/resume", {"run_input": answer})
    assert resumed["status"] == "ACCEPT"
    _until(lambda: _state(served, run)["type"] == "FAILED", "the run has failed and recovered", 90)
    assert _state(served, run)["message"].startswith("recovered: ")
    first = served.gate("status", "--json").document["releases"][0]["id"]
    state = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    _ask(served, "POST", f"/flow_runs/{run}/set_state", state)
    _until(lambda: _state(served, run)["name"] == "Suspended", "the retry waits again", 90)
    second = served.waiting_release()
    assert second != first
    assert "note" not in served.columns()
    served.gate("reject", second, "--reason", "seen enough")
    _until(lambda: _state(served, run)["type"] == "FAILED", "the retry was rejected", 90)


def test_trigger_follows_the_release_and_exits_with_its_outcome(served: Project):
    process = served.start("trigger", "--wait", "--key", "commit-1")
    release = served.waiting_release(90)
    same = served.gate("trigger", "--key", "commit-1", "--json").document["flow_run"]
    assert served.gate("reject", release, "--reason", "not today").code == 0
    out, err = process.communicate(timeout=90)
    assert process.returncode == 4, out + err
    assert same in out
    assert "not today" in out


def test_a_prefect_api_that_does_not_answer_refuses_at_once(watched: Project):
    watched.ready()
    ended = watched.gate("run", "--yes", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert ended.code == 2
    assert "does not answer; nothing was started" in ended.err + ended.out


def test_without_prefect_no_server_is_started(project: Project):
    project.ready()
    ended = project.gate("run", "--yes", PREFECT_HOME=str(project.home / "prefect-home"))
    assert ended.code == 0, ended.all
    assert not Path(project.home / "prefect-home").exists()


def _api(project: Project) -> str:
    return project.extra["PREFECT_API_URL"]


def _ask(project: Project, method: str, path: str, body: Any = None) -> Any:
    answer = httpx.request(method, f"{_api(project)}{path}", json=body, timeout=20, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def _deployment(project: Project) -> str | None:
    path = f"/deployments/name/release/{project.extra['GATE_TARGET']}"
    answer = httpx.get(f"{_api(project)}{path}", timeout=20, trust_env=False)
    return str(answer.json()["id"]) if answer.is_success else None


def _start(project: Project) -> str:
    made = _ask(project, "POST", f"/deployments/{_deployment(project)}/create_flow_run", {"parameters": {}})
    return str(made["id"])


def _state(project: Project, run: str) -> dict[str, Any]:
    return dict(_ask(project, "GET", f"/flow_runs/{run}")["state"])


def _until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.3)
