"""Servers that a release leans on and that go away under it: Prefect's, and the store (`make engine-failures`)."""

import os
import threading
import time
from pathlib import Path

import pytest

from flows.demo import prefect_server
from flows.demo.prefect_server import PrefectServer
from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.prefect_runs import ask, serving, start, state, until
from tests.acceptance.project import Project
from tests.acceptance.slow_apply import (
    kinds,
    sleeps,
    slow_apply,
    story,
)
from tests.servers.proxy import breaking_wire

pytestmark = [
    pytest.mark.long("ENGINE_FAILURES", "make engine-failures"),
    pytest.mark.timeout(600),
]


def test_a_lost_prefect_server_costs_the_release_nothing_and_its_run_ends_when_it_is_back(
    project: Project, production_server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url = production_server.create_database(f"prefect_lost_{os.getpid()}").get_secret_value().split("?")[0]
    rows = url.replace("postgresql://", "postgresql+asyncpg://")
    first, second, third = (PrefectServer(tmp_path / "prefect", rows) for _ in range(3))
    first.start()
    monkeypatch.setattr(prefect_server, "_free_port", lambda: first.port)
    project.extra |= first.environment | {"PREFECT_RUNNER_POLL_FREQUENCY": "1", "GATE_TARGET": "lost"}
    try:
        slow_apply(project)
        with serving(project):
            run = start(project)
            until(lambda: kinds(project)[-1:] == ["planned"], "the release has begun", 60)
            first.stop()  # lost before it suspends
            time.sleep(20)
            second.start()
            until(lambda: state(project, run)["name"] == "Suspended", "it suspends when the server is back", 150)
            assert project.gate("approve", project.waiting_release()).code == 0
            until(lambda: "applying" in kinds(project), "it applies", 60)
            second.stop()  # lost in the apply, and back after its end
            until(lambda: story(project).outcome == "released", "the release ends without a server", 60)
            time.sleep(10)
            third.start()
            until(lambda: state(project, run)["type"] == "COMPLETED", "Prefect hears of it", 180)
            assert state(project, run)["message"].startswith("released: ")
    finally:
        for server in (first, second, third):
            server.stop()


def test_a_worker_outlives_a_prefect_server_that_is_away_for_longer_than_any_retry(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, second = (PrefectServer(tmp_path / "prefect") for _ in range(2))
    first.start()
    monkeypatch.setattr(prefect_server, "_free_port", lambda: first.port)
    project.extra |= first.environment | {"PREFECT_RUNNER_POLL_FREQUENCY": "1", "GATE_TARGET": "away"}
    project.begin()
    try:
        with serving(project, PREFECT_CLIENT_MAX_RETRIES="0") as worker:
            offered = {"deployments": {"name": {"any_": ["away"]}}}
            until(lambda: len(ask(project, "POST", "/deployments/filter", offered)) == 3, "all are offered", 30)
            time.sleep(3)
            first.stop()
            time.sleep(30)
            assert worker.poll() is None, worker.communicate()
            second.start()
            run = start(project)
            until(lambda: state(project, run)["type"] == "COMPLETED", "it takes runs again", 90)
    finally:
        first.stop()
        second.stop()


def test_a_store_that_is_away_for_half_a_minute_in_the_apply_costs_the_release_nothing(
    project: Project, s3_server: SeaweedServer
):
    host, _, port = s3_server.endpoint.removeprefix("http://").rpartition(":")
    s3_server.create_bucket("away")
    slow_apply(project)
    with breaking_wire(f"postgresql://x@{host}:{port}/x", at=b"never in a request") as wire:
        through = parameters(wire.url)
        endpoint = f"http://{through['host']}:{through['port']}"
        project.store = f"s3://away/{project.mark}?endpoint_url={endpoint}&region=us-east-1"
        project.extra |= s3_server.environment
        process = project.start("run", "--yes", "--json")
        until(lambda: bool(sleeps(project)), "it applies", 90)
        wire.down.set()
        away = threading.Timer(30, wire.down.clear)
        away.start()
        out, err = process.communicate(timeout=120)
        away.join()
    assert process.returncode == 0, out + err
    assert "note" in project.columns()
