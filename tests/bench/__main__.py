"""Prints what the commands cost beside the naive way, side by side in one run: `make bench`."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import embedded_programs
from tests.acceptance.project import Project
from tests.bench import large_folder
from tests.bench.waiting import waiting_release

MIGRATIONS = 300
ROUNDS = 9


def main() -> None:
    """Time `gate plan`, `gate status` and `gate approve` on a folder of 300 migrations beside `psql -c 'select 1'`."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer() as production, EmbeddedServer() as staging:
        project = _project(Path(folder), "shop", production, staging)
        project.begin()
        for n in range(MIGRATIONS - 2):
            project.add(f"step_{n}", (f"CREATE TABLE t{n} (id serial PRIMARY KEY, v text);",))
        project.migrate(project.production)
        project.add("note", ("ALTER TABLE orders ADD COLUMN note text;",))
        psql = [embedded_programs().path("psql"), "-X", "-c", "select 1", project.production.get_secret_value()]
        naive = _median(lambda: _run(psql, {}))
        print(f"{MIGRATIONS} migrations, median of {ROUNDS} runs; psql -c 'select 1': {naive:.3f} s")
        for name, command in (
            ("gate plan", lambda: _gate(project, "plan")),
            ("gate status", lambda: _gate(project, "status")),
            ("gate approve", _approvals(project)),
        ):
            seconds = _median(command)
            print(f"{name:<14} {seconds:.3f} s   {seconds / naive:5.1f} x psql")
        print(f"imports Prefect: {_imports_prefect(project)}")
        large_folder.main(Path(folder), lambda home, name: _project(home, name, production, staging))


def _project(home: Path, name: str, production: EmbeddedServer, staging: EmbeddedServer) -> Project:
    return Project(
        home=home,
        production=production.create_database(name),
        staging=staging.create_database(name),
        pg_bin=embedded_programs().directory,
        store=(home / "store").as_uri(),
    )


def _approvals(project: Project) -> Callable[[], float]:
    """Each round approves a waiting release of its own, made from the record's own events."""
    waiting = iter([waiting_release(project) for _ in range(ROUNDS + 1)])
    return lambda: _gate(project, "approve", next(waiting))


def _gate(project: Project, *arguments: str) -> float:
    began = time.perf_counter()
    ended = project.gate(*arguments)
    if ended.code != 0:
        raise SystemExit(f"gate {arguments[0]} failed: {ended.all}")
    return time.perf_counter() - began


def _run(argv: Sequence[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, env=environment or None, check=True, capture_output=True)
    return time.perf_counter() - began


def _median(once: Callable[[], float]) -> float:
    once()
    return statistics.median(once() for _ in range(ROUNDS))


def _imports_prefect(project: Project) -> str:
    """Which of the commands import Prefect, asked of the interpreter."""
    found = []
    for command in ("plan", "status"):
        code = f"import sys; sys.argv = ['gate', '{command}']; from flows.command_line import _run; _run(['{command}'])"
        code += "; print('prefect' in sys.modules)"
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=project.environment(),
            cwd=project.home,
            capture_output=True,
            text=True,
            check=True,
        )
        if ended.stdout.strip().endswith("True"):
            found.append(command)
    return ", ".join(found) or "none"


main()
