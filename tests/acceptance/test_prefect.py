"""Releases under a real Prefect server, whose rows are in PostgreSQL: what it shows, and what it cannot bend."""

from pathlib import Path

import httpx
import pytest

from tests.acceptance.prefect_runs import (
    api,
    ask,
    cancel,
    deployment,
    served,
    start,
    state,
    until,
    watched,
)
from tests.acceptance.project import Project

__all__ = ["served", "watched"]  # fixtures

STEPS = ["Plan", "Preflight", "Back up", "Prove the backup", "Rehearse", "Check again", "Apply", "Verify"]


def test_a_run_from_the_command_line_shows_every_step_with_its_evidence(watched: Project):
    watched.ready()
    ended = watched.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    run = ask(watched, "POST", "/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})[0]
    assert run["state"]["type"] == "COMPLETED"
    assert run["state"]["message"] == f"released: {ended.document['sentence']}"
    tasks = ask(watched, "POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {t["name"] for t in tasks} >= set(STEPS)
    artifacts = ask(watched, "POST", "/artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {a["key"] for a in artifacts} >= {"plan", "preflight", "prove-the-backup", "rehearse"}
    assert "Traceback" not in ended.all


@pytest.mark.long("DOORS", "make doors")
def test_a_release_started_in_prefect_waits_suspended_and_goes_on_after_an_approval_at_the_command_line(
    served: Project,
):
    run = start(served)
    until(lambda: state(served, run)["name"] == "Suspended", "the run is suspended", 90)
    release = served.waiting_release()
    approved = served.gate("approve", release)
    assert approved.code == 0, approved.all
    assert "could not be woken" not in approved.out
    until(lambda: state(served, run)["type"] == "COMPLETED", "the run has ended", 90)
    assert "note" in served.columns()


@pytest.mark.long("DOORS", "make doors")
def test_a_form_in_the_prefect_ui_decides_once_and_a_retry_never_reuses_it(served: Project):
    invariants = served.home / "invariants"
    invariants.mkdir()
    (invariants / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    served.policy += f'invariants = "{invariants}"\n'
    served.environment()
    run = start(served)
    until(lambda: state(served, run)["name"] == "Suspended", "the run is suspended", 90)
    answer = {"decision": "approve", "your_name": "ann", "comment": "from the form"}
    resumed = ask(served, "POST", f"/flow_runs/{run}/resume", {"run_input": answer})
    assert resumed["status"] == "ACCEPT"
    until(lambda: state(served, run)["type"] == "FAILED", "the run has failed and recovered", 90)
    assert state(served, run)["message"].startswith("recovered: ")
    first = served.gate("status", "--json").document["releases"][0]["id"]
    retry = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    ask(served, "POST", f"/flow_runs/{run}/set_state", retry)
    until(lambda: state(served, run)["name"] == "Suspended", "the retry waits again", 90)
    second = served.waiting_release()
    assert second != first
    assert "note" not in served.columns()
    served.gate("reject", second, "--reason", "seen enough")
    until(lambda: state(served, run)["type"] == "FAILED", "the retry was rejected", 90)


@pytest.mark.long("ENGINE_FAILURES", "make engine-failures")
def test_a_cancelled_run_stops_its_children_and_leaves_a_record_that_resume_understands(served: Project):
    _slow_check(served)
    path = f"/deployments/{deployment(served)}/create_flow_run"
    refused = httpx.post(f"{api(served)}{path}", json={"parameters": {"wave": []}}, timeout=20, trust_env=False)
    assert refused.status_code == 409
    assert "wave" in refused.json()["detail"]
    run = start(served)
    until(lambda: bool(_children(served)), "the team's own check runs", 90)
    cancel(served, run)
    until(lambda: state(served, run)["type"] == "CANCELLED", "the run is cancelled", 60)
    assert _children(served) == []
    told = served.gate("status", "--json").document["releases"][0]
    assert told["state"] == "interrupted"
    assert told["next"] == f"gate resume {told['id']}"
    (served.home / "go").touch()
    ended = served.gate("resume", told["id"], "--yes", "--json", PREFECT_API_URL="-")
    assert (ended.code, ended.document["outcome"]) == (0, "released"), ended.all


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


def _slow_check(project: Project) -> None:
    """A check of the team's that takes a minute, until `go` is there."""
    script = f"test -e {project.home}/go || exec sleep 61"
    project.policy += f'[[checks.command]]\nname = "slow"\nargv = ["sh", "-c", "{script}"]\n'
    project.environment()


def _children(project: Project) -> list[int]:
    """Processes of the slow check, wherever they hang."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").resolve() == project.home and b"sleep\x0061" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
