"""A release whose apply is slow enough to be interrupted, and what tests ask of it, of processes and of Prefect."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.stores import open_store
from tasks.gate.errors import GateError
from tasks.gate.story import Story
from tasks.record import Record
from tasks.target_log import TargetLog
from tests.acceptance.prefect_runs import start, state, until
from tests.acceptance.project import ADD_NOTE, DROP_NOTE, Project
from tests.servers.postgres import fresh_database

SLOW_SECONDS = 10


def slow_apply(project: Project) -> Project:
    project.policy += "[apply]\nstatement_timeout_floor_ms = 60000\n"
    project.begin()
    name = parameters(project.production)["dbname"]
    nap = f"SELECT pg_sleep(CASE WHEN current_database() = '{name}' THEN {SLOW_SECONDS} ELSE 0 END);"
    project.add("note", (ADD_NOTE[0], nap, *ADD_NOTE[1:]), DROP_NOTE)
    project.migrate(project.staging)
    return project


def until_it_applies(project: Project) -> str:
    run = start(project)
    until(lambda: state(project, run)["name"] == "Suspended", "the run is suspended", 120)
    assert project.gate("approve", project.waiting_release()).code == 0
    until(lambda: bool(sleeps(project)), "it applies", 60)
    return run


def sleeps(project: Project) -> list[tuple[int, ...]]:
    """The slow statement, as production's server sees it."""
    url = parameters(project.production)
    seen = "state = 'active' and query like '%%SELECT pg_sleep(CASE%%' and pid <> pg_backend_pid()"
    query = f"select pid from pg_stat_activity where {seen} and datname = %s"
    with psycopg.connect(project.production.get_secret_value(), autocommit=True) as connection:
        return connection.execute(query, [url["dbname"]]).fetchall()


def resume(project: Project) -> None:
    """One resume, away from Prefect, and everything is as it should be."""
    release = story(project).id
    ended = project.gate("resume", release, "--yes", "--json", PREFECT_API_URL="-")
    assert (ended.code, ended.document["outcome"]) == (0, "released"), ended.all
    assert "note" in project.columns()
    assert len(project.ledger()) == 2
    assert project.gate("report", release, "--verify").code == 0


def newest(project: Project) -> Record | None:
    store, target = open_store(project.store), project.extra.get("GATE_TARGET", "shop")
    newest = TargetLog(store, target).releases(1)
    return Record.open(store, target, newest[0].release) if newest else None


def story(project: Project) -> Story:
    record = newest(project)
    assert record is not None
    return record.story()


def kinds(project: Project) -> list[str]:
    try:
        record = newest(project)
    except GateError:  # opened this very moment
        return []
    return [event.kind for event in record.events] if record else []


def nowhere() -> dict[str, str]:
    """An environment in which no call reaches the Prefect server, as behind a firewall."""
    return {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}


@contextmanager
def another(first: Project, production: EmbeddedServer, staging: EmbeddedServer) -> Iterator[Project]:
    """A second project beside the first, with databases of its own and the same Prefect server."""
    home = first.home / "another"
    home.mkdir()
    with fresh_database(production, "shop") as there, fresh_database(staging, "shop_staging") as before:
        extra = {**first.extra, "GATE_TARGET": f"{first.extra['GATE_TARGET']}-2"}
        other = replace(first, home=home, production=there, staging=before, tags=[], extra=extra)
        other.ready()
        yield other


def prefect_says(project: Project, *arguments: str) -> None:
    argv = [str(Path(sys.executable).with_name("prefect")), *arguments]
    done = subprocess.run(
        argv, cwd=project.home, env=project.environment(), capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr


def processes_of(pid: int) -> list[int]:
    """Every process below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [below for child in found for below in processes_of(child)]


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
