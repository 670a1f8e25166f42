"""A canary in every secret setting: releases and defects, and then each place where a secret could have gone.

`make engine-failures` runs it; the default suite looks for production's password (test_least_privilege.py).
"""

from collections.abc import Iterator

import pytest

from flows.demo.prefect_server import PrefectServer
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.canaries import MIRA, STAGING, Canaries, canaries
from tests.acceptance.prefect_runs import start, state, until, watched
from tests.acceptance.project import DROP_NOTE, Project
from tests.servers import roles
from tests.servers.postgres import changed
from tests.servers.slack import send

__all__ = ["watched"]  # a fixture

pytestmark = [pytest.mark.long("ENGINE_FAILURES", "make engine-failures"), pytest.mark.timeout(900)]
DEFECT = "a defect in Gate itself: Careless at kill_points.py:"


@pytest.fixture
def here(
    watched: Project,
    prefect: PrefectServer,
    production_server: EmbeddedServer,
    staging_server: EmbeddedServer,
    s3_server: SeaweedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Canaries]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    with canaries(watched, prefect, production_server, staging_server, s3_server) as found:
        yield found


def test_no_canary_is_found_anywhere_after_a_release_and_a_failing_one(here: Canaries):
    _release(here, fails=False)
    _release(here, fails=True)
    here.seen += [here.project.gate(*words, **odd).all for words, odd in _slips(here.project)]
    assert here.found() == set()
    assert here.in_processes() == []
    assert any("pg_dump" in line for line in here.processes), "children were seen at all"


def test_no_canary_is_found_anywhere_after_defects_whose_text_holds_every_secret(here: Canaries):
    project = here.project
    for api in ("-", project.extra["PREFECT_API_URL"]):  # at the command line, outside of a step and inside of one
        for point in ("carry:begin", "backup:before-manifest"):
            ended = project.gate("run", "--yes", GATE_DEFECT_AT=point, PREFECT_API_URL=api)
            assert (ended.code, DEFECT in ended.all) == (1, True), ended.all
            here.seen.append(ended.all)
    assert "in reached" in "".join(here.seen), "a traceback was shown, without its text"
    for point in ("carry:begin", "backup:before-manifest"):  # in a run of the worker
        with here.serving(GATE_DEFECT_AT=point):
            run = start(project)
            until(lambda run=run: state(project, run)["type"] == "FAILED", "the run ends", 120)  # type: ignore[misc]
            assert DEFECT in state(project, run)["message"]
    with here.serving(GATE_DEFECT_AT="slack:look,slack:socket,github:look,reconcile:look"):  # in what gate serve does
        until(lambda: "".join(here.seen).count("it is begun again") > 1, "threads begin again", 60)
        until(lambda: "the open release could not be looked after: Careless" in "".join(here.seen), "a look", 60)
        until(lambda: "the messages in Slack met a defect: Careless" in "".join(here.seen), "a look at Slack")
    with here.serving(GATE_DEFECT_AT="decide:begin"):  # in an answer, whichever the door
        run = start(project)
        until(lambda: bool(here.workspace.top() and here.workspace.top()[-1].buttons), "a message", 120)
        until(lambda: state(project, run)["name"] == "Suspended", "the run is suspended")
        payload = here.workspace.payload(here.workspace.top()[-1], MIRA, "gate_approve")
        assert send(here.address, payload).status_code == 200
        until(lambda: "met an error that nobody foresaw" in repr(here.workspace.ephemeral), "the person is told")
        ended = project.gate("approve", project.waiting_release(), GATE_DEFECT_AT="decide:begin")
        assert (ended.code, DEFECT in ended.all) == (1, True), ended.all
        here.seen.append(ended.all)
    assert here.found() == set()
    assert here.in_processes() == []


def _release(here: Canaries, *, fails: bool) -> None:
    """A release through Prefect, approved at the command line."""
    project = here.project
    if fails:
        (project.home / "invariants").mkdir()
        (project.home / "invariants" / "none.sql").write_text("select 1 from orders limit 1")
        line = f'invariants = "{project.home / "invariants"}"'
        project.policy = project.policy.replace("[verify]\n", f"[verify]\n{line}\n")
        project.add("more", ("ALTER TABLE orders ADD COLUMN more text;",), DROP_NOTE.replace("note", "more"))
        project.migrate(project.staging)
    with here.serving():
        run = start(project)
        until(lambda: state(project, run)["name"] == "Suspended", "the run is suspended", 120)
        release = project.waiting_release()
        here.seen.append(project.gate("approve", release).all)
        wanted = "recovered: " if fails else "released: "
        until(lambda: (state(project, run)["message"] or "").startswith(wanted), wanted, 120)
    forms: tuple[tuple[str, ...], ...] = ((), ("--html",), ("--json",), ("--markdown",))
    here.seen += [project.gate("report", release, *form).all for form in forms]


def _slips(project: Project) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Commands with settings that are wrong by a hair, and say so."""
    nowhere = project.production.get_secret_value().replace("@127.0.0.1:", "@127.0.0.1:1")
    yield ("doctor",), {}
    yield ("status",), {}
    yield ("run", "--yes"), {"GATE_PRODUCTION_URL": nowhere}
    yield ("run", "--yes"), {"GATE_STAGING_URL": changed(project.staging, password=f"{STAGING}x").get_secret_value()}
    yield ("run", "--yes"), {"GATE_PRODUCTION_URL": project.production.get_secret_value() + "?nonsense=1"}
    yield ("plan",), {"GATE_PRODUCTION_URL": f"postgres//user:{roles.PASSWORD}@host/db"}
