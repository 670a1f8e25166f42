"""Gates and drizzle-kits started at once on a migration that must not run twice: it does not, and losers say who won.

`make migrators` plays fifty rounds of each kind; gates are processes at their apply step, drizzle-kit is the real one.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.drizzle.folder import read_folder
from tasks.read_scripts import read_segments
from tests.equality.node import Drizzle, KitRun, NoNode
from tests.integration.releasing import LEDGER, NOT_REHEARSED, Shop, open_shop

ROUNDS = int(os.environ.get("MIGRATORS", "0"))
GATES = 10
ROOT = Path(__file__).parents[2]
BANK = """
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
create table acc (v int);
create table log (at timestamptz default clock_timestamp());
insert into acc values (100);
"""
# A second and a half, so that whoever comes meets the other in the middle.
UPDATE = "update acc set v = v - 10 where pg_sleep(1.5) is not null;"
INSERT = "insert into log select from pg_sleep(1.5);"
POLICY = {"apply": {"lock_timeout_ms": 300, "attempts": 6, "max_wait_seconds": 60}}

pytestmark = pytest.mark.long("MIGRATORS", "make migrators")


@pytest.fixture(scope="module")
def workers() -> Iterator[list["subprocess.Popen[str]"]]:
    argv = [sys.executable, "-m", "tests.integration.gate_worker"]
    started = [
        subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(GATES)
    ]
    yield started
    for worker in started:
        worker.communicate()


@pytest.fixture(scope="module")
def kit() -> Iterator[Drizzle]:
    try:
        with Drizzle(0) as drizzle:
            yield drizzle
    except NoNode as missing:
        pytest.skip(str(missing))


@contextmanager
def bank(server: EmbeddedServer, folder: Path, statement: str) -> Iterator[tuple[Shop, Path]]:
    migrations = folder / "drizzle"
    (migrations / "meta").mkdir(parents=True)
    (migrations / "0000_once.sql").write_text(statement)
    entry = {"idx": 0, "version": "7", "when": 1_750_000_000_000, "tag": "0000_once", "breakpoints": True}
    journal = {"version": "7", "dialect": "postgresql", "entries": [entry]}
    (migrations / "meta" / "_journal.json").write_text(json.dumps(journal))
    with open_shop(server, folder, BANK) as shop:
        yield shop, migrations


def tell(worker: "subprocess.Popen[str]", line: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(f"{line}\n")
    worker.stdin.flush()


def race(
    shop: Shop, migrations: Path, workers: list["subprocess.Popen[str]"], kit: Drizzle, kits: int, delay: float
) -> tuple[list[str], list[KitRun]]:
    """Ten gates after `delay` seconds, and so many drizzle-kits at once; what each said."""
    plan = shop.plan().model_copy(update={"pending": read_folder(migrations).migrations})
    url = shop.url.get_secret_value()
    for number, worker in enumerate(workers):
        asked = {
            "plan": plan.model_dump(mode="json"),
            "url": url,
            "store": str(shop.store.root / str(number)),  # a store of its own each: only production is shared
            "policy": POLICY,
            "release": f"20261123-140509-shop-{number:06x}",
        }
        tell(worker, json.dumps(asked))
    assert {worker.stdout.readline() for worker in workers if worker.stdout} == {"ready\n"}
    with ThreadPoolExecutor(kits) as pool:
        for worker in workers:
            tell(worker, str(delay))
        running = [pool.submit(kit.kit, migrations, url, *LEDGER) for _ in range(kits)]
        ended = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout]
        return ended, [run.result() for run in running]


def once(shop: Shop) -> bool:
    """Applied exactly once, with one row in the ledger."""
    with postgres.connect(shop.url, purpose="tests") as connection:
        found = connection.execute(
            "select v, (select count(*) from log), (select count(*) from drizzle.__drizzle_migrations) from acc"
        ).fetchone()
    v, logged, rows = found or (None, None, None)
    return rows == 1 and ((v, logged) in ((90, 0), (100, 1)))


def losers_say_who_won(gates: list[str]) -> None:
    for said in gates:
        if not said.startswith("applied"):
            assert "gate apply 20261123-140509-shop-" in said or "0000_once was applied by somebody else" in said, said
    assert sum(said.startswith("applied") for said in gates) <= 1, gates


def test_what_gates_applied_in_segments_is_applied_for_drizzle_kit_too(
    production_server: EmbeddedServer, tmp_path: Path, kit: Drizzle
) -> None:
    with bank(production_server, tmp_path, "create index concurrently acc_v on acc (v);") as (shop, migrations):
        pending = read_folder(migrations).migrations
        plan = shop.plan().model_copy(update={"pending": pending, "segments": read_segments(pending, 18)})
        assert kit.kit(migrations, shop.url.get_secret_value(), *LEDGER).code == 1  # Drizzle itself cannot run it
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
        before = shop.sql("select * from drizzle.__drizzle_migrations")
        assert kit.kit(migrations, shop.url.get_secret_value(), *LEDGER).code == 0
        assert shop.sql("select * from drizzle.__drizzle_migrations") == before
        assert len(before) == 1


@pytest.mark.timeout(3600)
def test_ten_gates_and_three_drizzle_kits_at_once_apply_a_migration_once(
    production_server: EmbeddedServer, tmp_path: Path, workers: list["subprocess.Popen[str]"], kit: Drizzle
) -> None:
    for number in range(ROUNDS):
        with bank(production_server, tmp_path / f"all{number}", (UPDATE, INSERT)[number % 2]) as (shop, migrations):
            gates, kits = race(shop, migrations, workers, kit, 3, 0.0)
            assert once(shop), "\n".join([f"round {number}", *gates, *map(str, kits)])
            losers_say_who_won(gates)
            assert [run.code for run in kits] == [0, 0, 0]  # they waited, and found nothing to do


@pytest.mark.timeout(3600)
def test_gates_that_meet_a_drizzle_kit_at_any_moment_of_its_work_do_not_repeat_it(
    production_server: EmbeddedServer, tmp_path: Path, workers: list["subprocess.Popen[str]"], kit: Drizzle
) -> None:
    winners = []
    for number in range(ROUNDS):
        delay = random.Random(number).uniform(0.2, 3.0)
        with bank(production_server, tmp_path / f"one{number}", (UPDATE, INSERT)[number % 2]) as (shop, migrations):
            gates, kits = race(shop, migrations, workers, kit, 1, delay)
            assert once(shop), "\n".join([f"round {number}, {delay}", *gates, *map(str, kits)])
            losers_say_who_won(gates)
            winners.append(any(said.startswith("applied") for said in gates))
    print(f"gates won {sum(winners)} of {len(winners)}")
