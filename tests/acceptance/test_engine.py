"""What the engine may do to a release: cancel it, kill it, lose it, stop for a deployment; with real processes.

`make engine-failures` runs these; the default suite cancels one run (test_prefect.py).
"""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from flows.demo.prefect_server import PrefectServer
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.prefect_runs import ask, cancel, serving, start, state, until, watched
from tests.acceptance.project import GATE, Project
from tests.acceptance.slow_apply import (
    another,
    kill,
    nowhere,
    prefect_says,
    processes_of,
    resume,
    sleeps,
    slow_apply,
    story,
    until_it_applies,
)

__all__ = ["watched"]  # a fixture

pytestmark = [
    pytest.mark.long("ENGINE_FAILURES", "make engine-failures"),
    pytest.mark.timeout(600),
]
DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def slow(watched: Project) -> Project:
    """A release whose apply takes ten seconds on production, and nowhere else."""
    return slow_apply(watched)


def test_a_worker_that_is_stopped_lets_the_apply_end_and_leaves_new_runs_to_the_next(slow: Project):
    with serving(slow) as worker:
        run = until_it_applies(slow)
        worker.send_signal(signal.SIGTERM)
        time.sleep(1)
        later = start(slow)
        worker.communicate(timeout=90)
        assert worker.returncode == 0
        assert state(slow, run)["message"].startswith("released: ")
        assert state(slow, later)["type"] == "SCHEDULED"
        assert "note" in slow.columns()
    with serving(slow):
        until(lambda: state(slow, later)["type"] == "COMPLETED", "the next worker takes it", 60)
        assert state(slow, later)["message"].startswith("nothing-pending: ")


def test_a_release_that_waits_delays_no_deployment_and_goes_on_with_the_next_worker(slow: Project):
    with serving(slow) as worker:
        run = start(slow)
        until(lambda: state(slow, run)["name"] == "Suspended", "the run is suspended", 90)
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
        assert time.monotonic() - began < 30
        assert state(slow, run)["name"] == "Suspended"
        assert slow.gate("approve", slow.waiting_release()).code == 0
    with serving(slow):
        until(lambda: state(slow, run)["type"] == "COMPLETED", "the next worker finishes it", 90)


def test_a_second_signal_cancels_what_acts_and_resume_finishes_it(slow: Project):
    with serving(slow) as worker:
        until_it_applies(slow)
        worker.send_signal(signal.SIGTERM)
        time.sleep(1)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
        until(lambda: not sleeps(slow), "no statement outlives the run", 30)
        assert "note" not in slow.columns()
        resume(slow)


def test_cancelling_in_the_middle_of_an_apply_rolls_it_back_and_resume_finishes_it(slow: Project):
    with serving(slow):
        run = until_it_applies(slow)
        cancel(slow, run)
        until(lambda: state(slow, run)["type"] == "CANCELLED", "the run is cancelled", 60)
        assert sleeps(slow) == []
        assert "note" not in slow.columns()
        told = slow.gate("status", "--json").document["releases"][0]
        assert told["next"] == f"gate resume {told['id']}"
        resume(slow)


def test_a_worker_that_is_killed_leaves_its_run_alive(slow: Project):
    with serving(slow) as worker:
        until_it_applies(slow)
        worker.kill()
        until(lambda: story(slow).outcome == "released", "the orphan finishes the release", 60)
    assert "note" in slow.columns()


def test_a_run_that_is_killed_is_crashed_in_prefect_and_finished_by_resume(watched: Project):
    watched.ready()
    with serving(watched, GATE_KILL_AT="apply:before-commit"):
        run = start(watched)
        until(lambda: state(watched, run)["name"] == "Suspended", "the run is suspended", 90)
        assert watched.gate("approve", watched.waiting_release()).code == 0
        until(lambda: state(watched, run)["type"] == "CRASHED", "the run has crashed", 60)
        resume(watched)


def test_a_decision_that_could_not_wake_its_run_is_found_and_the_run_is_woken(watched: Project, prefect: PrefectServer):
    watched.ready()
    with serving(watched):
        run = start(watched)
        until(lambda: state(watched, run)["name"] == "Suspended", "the run is suspended", 90)
        deaf = watched.gate("approve", watched.waiting_release(), PREFECT_API_AUTH_STRING="wrong:words", **nowhere())
        assert deaf.code == 0, deaf.all
        until(lambda: state(watched, run)["type"] == "COMPLETED", "the reconciler wakes it", 120)
        assert state(watched, run)["message"].startswith("released: ")


def test_a_zombie_is_named_and_crashed_while_a_release_that_waits_is_left_alone(
    slow: Project, production_server: EmbeddedServer, staging_server: EmbeddedServer
):
    with another(slow, production_server, staging_server) as other:
        prefect_says(slow, "automation", "create", "--from-file", str(DEPLOY / "zombies.yaml"))
        with serving(other), serving(slow) as worker:
            waiting = start(other)
            until(lambda: state(other, waiting)["name"] == "Suspended", "the other one waits", 90)
            run = until_it_applies(slow)
            children = processes_of(worker.pid)
            worker.kill()
            for pid in children:
                kill(pid)
            assert state(slow, run)["type"] == "RUNNING"
            until(lambda: "nobody carries it" in slow.gate("reconcile").out, "it is named", 120)
            assert "gate resume" in slow.gate("reconcile").out
            until(lambda: state(slow, run)["type"] == "CRASHED", "the automation crashes it", 150)
            assert "the process is gone" in state(slow, run)["message"]
            assert state(other, waiting)["name"] == "Suspended"
        resume(slow)


def test_two_targets_on_one_prefect_server_do_not_disturb_each_other(
    watched: Project, production_server: EmbeddedServer, staging_server: EmbeddedServer
):
    watched.ready()
    with another(watched, production_server, staging_server) as other, serving(watched), serving(other):
        runs = {project.extra["GATE_TARGET"]: start(project) for project in (watched, other)}
        for project in (watched, other):
            run = runs[project.extra["GATE_TARGET"]]
            until(lambda p=project, r=run: state(p, r)["name"] == "Suspended", "it waits", 120)
        assert watched.gate("approve", watched.waiting_release()).code == 0
        until(lambda: state(watched, runs[watched.extra["GATE_TARGET"]])["type"] == "COMPLETED", "it ends", 90)
        assert state(other, runs[other.extra["GATE_TARGET"]])["name"] == "Suspended"
        assert "note" not in other.columns()
        assert other.gate("reject", other.waiting_release(), "--reason", "not this one").code == 0
        until(lambda: state(other, runs[other.extra["GATE_TARGET"]])["type"] == "FAILED", "it ends too", 90)
        assert "note" in watched.columns()


def test_the_deployments_of_prefect_yaml_run_on_a_worker(watched: Project):
    watched.ready()
    watched.extra["GATE_TARGET"] = "production"
    assert watched.gate("backup", "--no-proof").code == 0
    prefect_says(watched, "work-pool", "create", "gate", "--type", "process", "--overwrite")
    offered = watched.home / "prefect.yaml"
    offered.write_text(
        (DEPLOY / "prefect.yaml").read_text().replace("directory: /project", f"directory: {watched.home}")
    )
    prefect_says(watched, "--no-prompt", "deploy", "--all", "--prefect-file", str(offered))
    argv = [str(Path(GATE).with_name("prefect")), "worker", "start", "--pool", "gate"]
    worker = subprocess.Popen(argv, cwd=watched.home, env=watched.environment(PREFECT_WORKER_QUERY_SECONDS="1"))
    try:
        path = ask(watched, "GET", "/deployments/name/drill/production")["id"]
        drill = ask(watched, "POST", f"/deployments/{path}/create_flow_run", {"parameters": {}})["id"]
        until(lambda: state(watched, drill)["type"] == "COMPLETED", "the drill is held", 120)
        assert state(watched, drill)["message"].startswith("held: ")
        run = start(watched)
        until(lambda: state(watched, run)["name"] == "Suspended", "the release waits", 120)
        assert watched.gate("approve", watched.waiting_release()).code == 0
        until(lambda: state(watched, run)["type"] == "COMPLETED", "it is released", 120)
    finally:
        worker.send_signal(signal.SIGINT)
        worker.wait(60)
