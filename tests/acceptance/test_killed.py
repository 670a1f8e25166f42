"""SIGKILL at every kind of moment, then `gate resume`: one of four states, and production agrees with the record.

By default one release is killed at several points, one process after the other. `make kill-matrix` gives every point a
release of its own.
"""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import ADD_NOTE, Project

ON_THE_WAY = [
    "open-the-release:end",
    "plan:end",
    "preflight:end",
    "backup:in-upload",
    "backup:before-manifest",
    "prove:before-restore",
    "restore:in-stream",
    "prove:before-compare",
    "rehearse:copied",
    "rehearse:statement",
    "rehearse:applied",
    "rehearse:rollback",
    "ask:begin",
    "ask:end",
    "check-again:end",
    "apply:begin",
    "apply:recorded",
    "apply:before-statement",
    "apply:after-statement#2",
    "apply:before-commit",
    "apply:committed",
    "apply:applied-recorded",
    "verify:begin",
    "verify:end",
]
IN_THE_RESTORE = [
    "recover:begin",
    "restore:before",
    "restore:restored",
    "restore:carried",
    "swap:recorded",
    "swap:closed",
    "swap:emptied",
    "swap:sequences",
    "swap:before-rename",
    "swap:renamed",
    "swap:recorded-swapped",
    "recover:end",
]


LONG = pytest.mark.long("KILL_MATRIX", "make kill-matrix")


def _every(points: list[str], *, default: list[str]) -> list[Any]:
    """Each point with a release of its own; those that a chain has already are for the long run."""
    return [pytest.param(point, marks=() if point in default else LONG) for point in points]


IN_THE_ROLLBACK = ["recover:begin", "rollback:committed", "recover:end"]
CHAINS = [
    ["open-the-release:end", "backup:in-upload", "prove:before-restore", "rehearse:statement", "ask:begin"],
    ["preflight:end", "backup:before-manifest", "restore:in-stream", "rehearse:rollback", "check-again:end"],
    ["plan:end", "prove:before-compare", "apply:recorded", "apply:before-commit", "apply:committed", "verify:end"],
]


@pytest.mark.parametrize(
    "points", [pytest.param(chain, id=chain[0], marks=() if chain is CHAINS[-1] else LONG) for chain in CHAINS]
)
def test_a_release_killed_again_and_again_is_finished_in_the_end(project: Project, points: list[str]):
    project.ready()
    assert project.gate("run", "--yes", GATE_KILL_AT=points[0]).code == -signal.SIGKILL
    release = _the_release(project)
    for point in points[1:]:
        killed = project.gate("resume", release, "--yes", GATE_KILL_AT=point)
        assert killed.code == -signal.SIGKILL, killed.all
    resumed = project.gate("resume", release, "--yes", "--json")
    assert (resumed.code, resumed.document["outcome"]) == (0, "released"), resumed.all
    _applied_once(project)
    _record_and_production_agree(project, release)
    _nothing_left(project)


def test_a_restore_killed_again_and_again_is_finished_in_the_end(project: Project):
    project.begin()
    project.add("note", ADD_NOTE)
    project.migrate(project.staging)
    before = (project.contents(), project.columns(), project.ledger())
    _make_it_fail_after_the_apply(project)
    assert project.gate("run", "--yes", GATE_KILL_AT=IN_THE_RESTORE[0]).code == -signal.SIGKILL
    release = _the_release(project)
    for point in IN_THE_RESTORE[1:]:
        killed = project.gate("resume", release, GATE_KILL_AT=point)
        assert killed.code == -signal.SIGKILL, f"{point}: {killed.all}"
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert (project.contents(), project.columns(), project.ledger()) == before
    _record_and_production_agree(project, release)
    _nothing_left(project)


@pytest.mark.parametrize("point", _every(ON_THE_WAY, default=[]))
def test_a_release_killed_anywhere_on_its_way_is_finished_by_one_resume(project: Project, point: str):
    project.ready()
    killed = project.gate("run", "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    release = _the_release(project)
    resumed = project.gate("resume", release, "--yes", "--json")
    assert resumed.code == 0, resumed.all
    assert resumed.document["outcome"] == "released"
    assert "note" in project.columns()
    _applied_once(project)
    _record_and_production_agree(project, release)
    _nothing_left(project)


@pytest.mark.parametrize("point", _every(IN_THE_ROLLBACK, default=[]))
def test_a_recovery_by_rollback_that_is_killed_is_finished_by_one_resume(project: Project, point: str):
    project.ready()
    before = (project.contents(), project.columns(), project.ledger())
    _make_it_fail_after_the_apply(project)
    killed = project.gate("run", "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    release = _the_release(project)
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert (project.contents(), project.columns(), project.ledger()) == before
    _record_and_production_agree(project, release)
    _nothing_left(project)


@pytest.mark.parametrize("point", _every(IN_THE_RESTORE, default=[]))
def test_a_recovery_by_restore_that_is_killed_is_finished_by_one_resume(project: Project, point: str):
    project.begin()
    project.add("note", ADD_NOTE)
    project.migrate(project.staging)
    before = (project.contents(), project.columns(), project.ledger())
    _make_it_fail_after_the_apply(project)
    killed = project.gate("run", "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    release = _the_release(project)
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert (project.contents(), project.columns(), project.ledger()) == before
    _record_and_production_agree(project, release)
    _nothing_left(project)
    kept = project.sql(project.production, "select count(*) from pg_database where datname like 'shop%failed%'")
    assert kept[0][0] >= 1


def test_a_dead_release_that_never_touched_production_does_not_block_the_next_one(project: Project):
    project.ready()
    assert project.gate("run", "--yes", GATE_KILL_AT="rehearse:applied").code == -signal.SIGKILL
    ended = project.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    assert "never touched" in ended.err
    _applied_once(project)


def test_a_dead_release_that_had_committed_is_finished_before_the_next_one_begins(project: Project):
    project.ready()
    assert project.gate("run", "--yes", GATE_KILL_AT="apply:committed").code == -signal.SIGKILL
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "nothing-pending"), ended.all
    assert "settled" in ended.err
    _applied_once(project)


def test_of_two_resumes_at_once_the_second_says_so_and_leaves(project: Project):
    project.ready()
    assert project.gate("run", "--yes", GATE_KILL_AT="ask:begin").code == -signal.SIGKILL
    release = _the_release(project)
    both = [project.start("resume", release, "--yes", "--json") for _ in range(2)]
    ended = [(p.communicate(timeout=90)[0], p.returncode) for p in both]
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 7], [0, 0]), ended
    outcomes = {json.loads(out.strip().splitlines()[-1])["outcome"] for out, _ in ended}
    assert outcomes <= {"released", "busy"}
    _applied_once(project)


def _make_it_fail_after_the_apply(project: Project) -> None:
    folder = project.home / "invariants"
    folder.mkdir()
    (folder / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    project.policy += f'invariants = "{folder}"\n'


def _the_release(project: Project) -> str:
    releases = project.gate("status", "--json").document["releases"]
    assert len(releases) == 1
    assert releases[0]["next"], releases
    return str(releases[0]["id"])


def _applied_once(project: Project) -> None:
    assert len(project.ledger()) == 2
    assert project.sql(project.production, "select count(*) from orders where note = 'seen'") == [(200,)]


def _record_and_production_agree(project: Project, release: str) -> None:
    status = project.gate("status", "--json").document
    story = next(r for r in status["releases"] if r["id"] == release)
    applied = story["outcome"] == "released"
    assert story["next"] == ""
    assert (status["pending"] == []) is applied
    assert project.gate("report", release, "--verify").code == 0
    allowed = project.sql(project.production, "select datallowconn from pg_database where datname = current_database()")
    assert allowed == [(True,)]


def _nothing_left(project: Project) -> None:
    """No open upload, no half backup, no scratch cluster of a process that is gone."""
    from tasks.clients import scratch

    scratch.sweep()
    assert scratch.sweep() == 0
    for backup in (b for b in (project.home / "store" / "shop" / "backups").iterdir() if any(b.iterdir())):
        assert (backup / "manifest.json").exists(), list(backup.iterdir())
    uploads = [p for p in (project.home / "store").rglob("*") if p.is_file() and ".uploads" in str(p)]
    assert uploads == [], [str(Path(p).name) for p in uploads]


@LONG
def test_a_production_that_starts_again_right_after_the_commit_is_waited_for(
    project: Project, production_server: EmbeddedServer
) -> None:
    project.ready()
    folder = project.home / "invariants"
    folder.mkdir()
    (folder / "totals.sql").write_text("select id from orders where total < 0")
    project.policy += f'invariants = "{folder}"\n'
    process = project.start("run", "--yes", GATE_WATCH_SECONDS="6")
    end = time.monotonic() + 60
    while "note" not in project.columns() and time.monotonic() < end:
        time.sleep(0.05)
    production_server.cluster.stop()
    time.sleep(5)
    production_server.cluster.launch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "note" in project.columns()
