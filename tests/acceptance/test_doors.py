"""From the release event to the commit status, through every door, each process on its own.

The default suite walks the way that ends well. `make doors` walks the others: rejected, expired, and with every process
killed and started again while it waits.
"""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.demo.prefect_server import PrefectServer
from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.doors import Doors, descendants, killed, open_doors
from tests.acceptance.prefect_runs import ask, cancel, state, until, watched
from tests.acceptance.project import Project
from tests.servers import github, slack
from tests.servers.github import fake_github
from tests.servers.proxy import breaking_wire
from tests.servers.slack import workspace

__all__ = ["watched"]  # fixture
pytestmark = pytest.mark.timeout(600)  # two processes of each kind start and stop, on whatever machine

all_doors = pytest.mark.long("DOORS", "make doors")


@pytest.fixture
def doors(watched: Project, s3_server: SeaweedServer, s3_url: str) -> Iterator[Doors]:
    watched.store = s3_url
    watched.extra |= s3_server.environment
    with fake_github() as repository, workspace() as team, open_doors(watched, repository, team) as doors:
        yield doors


def test_a_published_release_is_triggered_approved_applied_and_its_commit_says_so(doors: Doors, prefect: PrefectServer):
    doors.serve()
    doors.github.deliver(
        f"{doors.address}/github/webhook", "deployment_protection_rule", doors.github.asks_for(doors.commit)
    )
    # The answer to the first start is lost on the way: the same key finds the run again.
    with breaking_wire(SecretStr(f"postgresql://any@127.0.0.1:{prefect.port}/any"), b'"idempotency_key"') as wire:
        job = doors.trigger(PREFECT_API_URL=f"http://127.0.0.1:{parameters(wire.url)['port']}/api")
        until(lambda: len(doors.statuses()) > 1, "the commit says that its release waits", 150)
        doors.press("gate_approve")
        ended = doors.ended(job)
    assert wire.broken.is_set()
    assert ended.code == 0, ended.all
    assert "note" in doors.project.columns()
    until(lambda: "1 migration is in production and verified" in doors.message().text, "Slack shows the end")
    assert doors.message().buttons == {}
    assert "RELEASED: 1 migration is in production and verified: 0001_note" in ended.out
    states = doors.statuses()
    assert [state for state, _ in states] == ["pending", "pending", "success"]
    assert states[1][1].startswith(f"{doors.output('release')} waits for approval until ")
    assert states[2][1] == "released: 1 migration is in production and verified: 0001_note"
    assert "approved by ann" in ended.out
    assert "0001_note" in (doors.project.home / "summary.md").read_text()
    until(lambda: bool(doors.github.answers), "GitHub's deployment is answered")
    assert [a["state"] for a in doors.github.answers] == ["approved"]
    seen = doors.everything(ended)
    assert "0001_note" in seen
    password = parameters(doors.project.production)["password"]
    for secret in (github.TOKEN, github.SECRET, slack.TOKEN, slack.SIGNING_SECRET, password):
        assert secret not in seen
    again = doors.ended(doors.trigger())
    assert again.code == 0, again.all
    assert len(ask(doors.project, "POST", "/flow_runs/filter", _runs_of(doors))) == 1


@all_doors
def test_a_rejected_release_changes_nothing_and_exits_with_4(doors: Doors):
    doors.serve()
    job = doors.trigger()
    doors.reject("not today")
    ended = doors.ended(job)
    assert ended.code == 4, ended.all
    assert "not today" in ended.out
    assert "note" not in doors.project.columns()
    assert doors.statuses()[-1][0] == "failure"
    assert doors.output("outcome") == "rejected"
    same = doors.ended(doors.trigger())  # the same event again: no new release
    assert same.code == 4, same.all
    anew = doors.trigger(GITHUB_RUN_ATTEMPT="2")  # somebody pressed "re-run"
    doors.press("gate_approve")
    ended = doors.ended(anew)
    assert ended.code == 0, ended.all
    assert "note" in doors.project.columns()


@all_doors
def test_an_approval_that_nobody_gives_expires_and_exits_with_4(doors: Doors):
    doors.project.policy += "expires_hours = 0.012\n"
    doors.serve()
    ended = doors.ended(doors.trigger(), 300)
    assert ended.code == 4, ended.all
    assert "expired" in ended.out
    assert "note" not in doors.project.columns()
    assert doors.statuses()[-1][0] == "failure"


@all_doors
@pytest.mark.parametrize("answer", ["gate_approve", "gate_reject", "nobody"])
def test_every_process_may_be_killed_while_it_waits(
    doors: Doors,
    prefect: PrefectServer,
    production_server: EmbeddedServer,  # holds Prefect's rows too
    staging_server: EmbeddedServer,
    s3_server: SeaweedServer,
    answer: str,
):
    if answer == "nobody":
        doors.project.policy += "expires_hours = 0.02\n"
    serving, job = doors.serve(), doors.trigger()
    release = doors.project.waiting_release(120)
    (run,) = ask(doors.project, "POST", "/flow_runs/filter", _runs_of(doors))
    until(lambda: state(doors.project, run["id"])["name"] == "Suspended", "the run is suspended")
    databases = (production_server, staging_server)
    before = [server.cluster.postmaster.pid for server in databases]
    family = descendants(serving.pid)
    killed(job)
    killed(serving)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "what gate serve had started is gone")
    prefect.stop()
    prefect._given_up.clear()
    s3_server.crash()
    for server in databases:
        server.cluster.stop()
    job = doors.trigger()  # before any server is back: it asks until they are
    time.sleep(5)
    assert job.poll() is None, "the job does not give up on servers that start again"
    for server in databases:
        server.cluster.launch()
    s3_server.launch()
    prefect.start()
    assert all(server.cluster.postmaster.pid not in before for server in databases)
    doors.serve()
    if answer == "gate_approve":
        doors.press(answer)
    elif answer == "gate_reject":
        doors.reject("not today")
    ended = doors.ended(job)
    code, status, words = {
        "gate_approve": (0, "success", "1 migration is in production and verified"),
        "gate_reject": (4, "failure", "not today"),
        "nobody": (4, "failure", "expired"),
    }[answer]
    assert ended.code == code, ended.all
    assert f"release {release}" in ended.out
    assert words in ended.out
    # Where `gate serve` died in the middle of its post, that message is given up after 90 s; the end comes by itself.
    until(lambda: words in doors.message().text, "Slack shows the end", 200)
    assert doors.message().buttons == {}
    assert ("note" in doors.project.columns()) == (code == 0)
    assert doors.statuses()[-1][0] == status
    assert len(ask(doors.project, "POST", "/flow_runs/filter", _runs_of(doors))) == 1


@all_doors
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_dies_leaves_no_status_pending_for_ever(doors: Doors, number: signal.Signals):
    doors.serve()
    job = doors.trigger()
    until(lambda: len(doors.statuses()) > 1, "the commit says that its release waits", 150)
    job.send_signal(number)
    ended = doors.ended(job, 20)
    release = doors.project.waiting_release()
    if number is signal.SIGTERM:
        assert (ended.code, "the release goes on without this job" in ended.err) == (130, True), ended.all
        left = f"the CI job stopped following; the release goes on: gate status {release}"
        assert doors.statuses()[-1] == ("pending", left)
    before = doors.github.statuses[-1]
    doors.press("gate_approve")
    until(lambda: doors.statuses()[-1][0] == "success", "gate serve ends the status", 240)
    assert doors.statuses()[-1][1] == "released: 1 migration is in production and verified: 0001_note"
    assert doors.github.statuses[-1]["target_url"] == before["target_url"], "the link to the job stays"
    count = len(doors.statuses())
    time.sleep(35)
    assert len(doors.statuses()) == count, "it is ended once"


@all_doors
def test_a_cancelled_run_whose_release_nobody_goes_on_with_exits_with_130(doors: Doors):
    doors.serve()
    job = doors.trigger()
    release = doors.project.waiting_release(120)
    (run,) = ask(doors.project, "POST", "/flow_runs/filter", _runs_of(doors))
    until(lambda: state(doors.project, run["id"])["name"] == "Suspended", "the run is suspended")
    cancel(doors.project, run["id"])
    ended = doors.ended(job, 240)
    assert ended.code == 130, ended.all
    assert f"production was not touched; `gate resume {release}` goes on or ends it" in ended.out
    assert "note" not in doors.project.columns()


@all_doors
def test_a_worker_that_dies_in_the_apply_pages_and_the_same_job_then_tells_how_it_was_settled(doors: Doors):
    doors.serve(GATE_KILL_AT="apply:before-commit")
    job = doors.trigger()
    doors.press("gate_approve")
    ended = doors.ended(job, 200)
    assert ended.code == 6, ended.all
    assert "production was acted upon" in ended.out
    assert doors.statuses()[-1][0] == "error"
    resumed = doors.project.gate("resume", doors.output("release"), PREFECT_API_URL="-")
    assert resumed.code == 0, resumed.all
    again = doors.ended(doors.trigger())
    assert again.code == 0, again.all
    assert doors.statuses()[-1][0] == "success"


@all_doors
def test_bytes_that_nobody_reviewed_do_not_run(doors: Doors):
    (doors.project.folder / "0001_note.sql").write_text("DROP TABLE orders;")
    doors.serve()
    ended = doors.ended(doors.trigger())
    assert ended.code == 3, ended.all
    assert "github-review" in ended.out
    assert "note" not in doors.project.columns()


@all_doors
def test_a_job_without_the_store_is_followed_and_a_worker_with_other_files_refuses(doors: Doors):
    worker = doors.project.home / "worker"
    shutil.copytree(doors.project.folder, worker)
    doors.serve()
    job = doors.trigger(GATE_STORE_URL="-")
    doors.press("gate_approve")
    ended = doors.ended(job)
    assert ended.code == 0, ended.all
    assert "Rehearse: " in ended.out
    (worker / "0001_note.sql").write_text("DROP TABLE orders;")
    doors.commit = "f" * 40
    refused = doors.ended(doors.trigger(GATE_STORE_URL="-"))
    assert refused.code == 3, refused.all
    assert (
        "the folder of this worker is not the one that CI saw: migrations/0001_note.sql has other bytes" in refused.out
    )


def _runs_of(doors: Doors) -> dict[str, object]:
    name = doors.project.extra["GATE_TARGET"]
    return {"deployments": {"name": {"any_": [name]}}, "flows": {"name": {"any_": ["release"]}}}
