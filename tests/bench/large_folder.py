"""What `gate plan` costs on a folder of 5,000 migrations that is up to date, beside drizzle-kit on the same folder."""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tasks.clients import postgres
from tests.acceptance.project import BREAK, GATE, Project
from tests.equality.node import Drizzle, NoNode

MIGRATIONS = 5000
BYTES = 2048
FIRST = datetime(2012, 1, 1, tzinfo=UTC)
COLUMNS = '"name" text NOT NULL, "value" integer DEFAULT 7 NOT NULL, "made" timestamp with time zone DEFAULT now()'
LEDGER = """
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint{name})
"""


class Cost(NamedTuple):
    """What one process took."""

    seconds: float  # from its start to its end
    processor: float  # seconds of user and system time
    megabytes: int  # the most memory that it held


def rows(project: Project, generation: int) -> Iterator[tuple[str, int, str]]:
    """Write the folder; give hash, time and name of each migration, as the ledger has them."""
    entries = []
    for n in range(MIGRATIONS):
        when = FIRST + timedelta(hours=n)
        text = BREAK.join(f'CREATE TABLE "t{n}_{k}" ("id" serial PRIMARY KEY, {COLUMNS});\n' for k in range(9))
        text = text.ljust(BYTES)[:BYTES]
        tag = f"{n:04}_step" if generation == 0 else f"{when:%Y%m%d%H%M%S}_step"
        file = project.folder / (f"{tag}.sql" if generation == 0 else f"{tag}/migration.sql")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        stamp = round(when.timestamp() * 1000)
        entries.append({"idx": n, "version": "7", "when": stamp, "tag": tag, "breakpoints": True})
        yield hashlib.sha256(text.encode()).hexdigest(), stamp, tag
    if generation == 0:
        journal = {"version": "7", "dialect": "postgresql", "entries": entries}
        (project.folder / "meta").mkdir()
        (project.folder / "meta/_journal.json").write_text(json.dumps(journal, indent=2))


def up_to_date(project: Project, generation: int) -> None:
    """The folder and a ledger that has all of it."""
    extra = "" if generation == 0 else ", name text, applied_at timestamp with time zone default now()"
    with postgres.connect(project.production, purpose="bench") as connection:
        connection.execute(LEDGER.format(name=extra).encode())
        columns = "hash, created_at" + ("" if generation == 0 else ", name")
        copy = f"copy drizzle.__drizzle_migrations ({columns}) from stdin"
        with connection.cursor() as cursor, cursor.copy(copy.encode()) as stream:
            for row in rows(project, generation):
                stream.write_row(row if generation else row[:2])


def plan_cost(project: Project) -> Cost:
    """`gate plan --json` as a process; it must find nothing to do."""
    out = project.home / "plan.json"
    to_file = (os.POSIX_SPAWN_OPEN, 1, str(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    began = time.perf_counter()
    child = os.posix_spawn(GATE, ["gate", "plan", "--json"], _environment(project), file_actions=[to_file])
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    document = json.loads(out.read_text())
    if status or document.get("verdict") != "nothing-pending" or len(document["migrations"]) != MIGRATIONS:
        raise SystemExit(f"gate plan ended with {status}: {str(document)[:500]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def _environment(project: Project) -> dict[str, str]:
    settings = project.environment()
    (project.home / "gate.toml").write_text(project.policy)
    return {**settings, "GATE_POLICY_FILE": str(project.home / "gate.toml")}


def compare(project: Project, generation: int, say: Callable[[str], None], rounds: int) -> None:
    """Print both, the best of some rounds each."""
    up_to_date(project, generation)
    ours = [plan_cost(project) for _ in range(rounds)]
    best = min(ours)
    say(
        f"{MIGRATIONS:,} migrations of {BYTES} bytes, all applied, generation {generation}: gate plan --json"
        f" {best.seconds:.2f} s ({best.processor:.2f} s of processor), {max(o.megabytes for o in ours)} MB"
    )
    try:
        with Drizzle(generation) as drizzle:
            began, used = time.perf_counter(), _processor()
            ran = drizzle.kit(project.folder, project.production.get_secret_value(), "drizzle", "__drizzle_migrations")
            took, spent = time.perf_counter() - began, _processor() - used
            say(f"    drizzle-kit migrate on it: {took:.2f} s ({spent:.2f} s of processor), exit {ran.code}")
    except NoNode as missing:
        say(f"    drizzle-kit: {missing}")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(home: Path, project: Callable[[Path, str], Project], rounds: int = 5) -> None:
    """Both generations.

    Args:
        home: an empty folder.
        project: makes a project in a folder with a database of that name.
        rounds: how often each is timed.
    """
    for generation in (0, 1):
        folder = home / f"generation{generation}"
        folder.mkdir()
        compare(project(folder, f"large{generation}"), generation, lambda line: print(line, file=sys.stdout), rounds)
