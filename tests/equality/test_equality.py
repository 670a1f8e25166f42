"""On each folder of ours, Gate writes what Drizzle writes, and each finds nothing to do after the other."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.drizzle.applying import apply
from tasks.drizzle.collation import locale_key
from tasks.drizzle.folder import read_folder
from tasks.drizzle.folders import stamp_milliseconds
from tasks.drizzle.ledger import read_ledger
from tests.equality.bench import Bench, End
from tests.equality.compare import compare
from tests.equality.node import Drizzle, NoNode
from tests.equality.sample import Sample, Step
from tests.equality.samples import SLICE
from tests.equality.told_apart import Found

WAITING = (
    "select count(*) from pg_locks where not granted and mode = 'AccessShareLock'"
    " and database = (select oid from pg_database where datname = current_database())"
)
ALPHABET = "abzABZ059_-.~ +=@()"


def drizzle(generation: int) -> Iterator[Drizzle]:
    try:
        tool = Drizzle(generation)
    except NoNode as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with tool:
        yield tool


@pytest.fixture(scope="module")
def drizzle0() -> Iterator[Drizzle]:
    yield from drizzle(0)


@pytest.fixture(scope="module")
def drizzle1() -> Iterator[Drizzle]:
    yield from drizzle(1)


class Meanwhile:
    """Starts another migrator while the first statement runs, and sees it wait before the commit."""

    def __init__(self, other: Callable[[], object], url: SecretStr) -> None:
        self.thread, self.url, self.waited = Thread(target=other), url, False

    def before(self, *_: object) -> None:
        self.thread.start()

    def after(self, *_: object) -> None:
        pass

    def committing(self, _: object) -> None:
        with postgres.connect(self.url, purpose="looker") as looker:
            deadline = time.monotonic() + 30
            while not self.waited and time.monotonic() < deadline:
                self.waited = looker.execute(WAITING).fetchone() == (1,)
                time.sleep(0.02)


def found(sample: Sample, tool: Drizzle, server: EmbeddedServer, tmp_path: Path) -> Found:
    folder = sample.write(tmp_path / "drizzle")
    return compare(Bench(server, tool, sample.schema, sample.table), folder, halves=sample.halves, kit=sample.kit)


@pytest.mark.parametrize("sample", SLICE, ids=lambda sample: sample.title)
def test_the_two_tools_leave_the_same_behind(
    sample: Sample, request: pytest.FixtureRequest, production_server: EmbeddedServer, tmp_path: Path
) -> None:
    tool: Drizzle = request.getfixturevalue(f"drizzle{sample.generation}")
    came_to = found(sample, tool, production_server, tmp_path)
    assert (came_to.differences, came_to.word) == ([], sample.word)


@pytest.mark.parametrize("generation", [0, 1])
def test_drizzle_started_meanwhile_waits_and_then_finds_nothing_to_do(
    generation: int, request: pytest.FixtureRequest, production: SecretStr, tmp_path: Path
) -> None:
    tool: Drizzle = request.getfixturevalue(f"drizzle{generation}")
    tags = ("0000_account", "0001_charge") if generation == 0 else ("20250601120000_account", "20250602120000_charge")
    texts = ("create table account as select 90 + 10 as value", "update account set value = value - 10")
    sample = Sample("race", generation, tuple(map(Step, tags, texts)))
    half, folder = sample.write(tmp_path / "half", 1), sample.write(tmp_path / "drizzle")
    arguments = {"url": production.get_secret_value(), "schema": "drizzle", "table": "__drizzle_migrations"}
    tool.ask("migrate", folder=str(half), **arguments)
    meanwhile = Meanwhile(lambda: tool.ask("migrate", folder=str(folder), **arguments), production)
    with postgres.connect(production, purpose="equality") as connection:
        pending = read_folder(folder).migrations[1:]
        apply(
            connection,
            generation=generation,
            schema="drizzle",
            table="__drizzle_migrations",
            pending=pending,
            observer=meanwhile,
        )
        meanwhile.thread.join()
        assert connection.execute("select value from account").fetchone() == (90,)
        assert len(read_ledger(connection, "drizzle", "__drizzle_migrations").rows) == 2
    assert meanwhile.waited


class Careless(Bench):
    """A Gate that forgets the last row."""

    def by_gate(self, folder: Path, url: SecretStr) -> End:
        end = super().by_gate(folder, url)
        with postgres.connect(url, purpose="equality") as connection:
            connection.execute("delete from drizzle.__drizzle_migrations where id = 2; create table left_behind ()")
        return end


def test_a_difference_is_found_and_said(drizzle0: Drizzle, production_server: EmbeddedServer, tmp_path: Path) -> None:
    folder = Sample("two", 0, (Step("0000_a", "create table a (id int)"), Step("0001_b", ""))).write(tmp_path / "a")
    came_to = compare(Careless(production_server, drizzle0), folder, halves=False)
    assert came_to.verdict == "DIFFERENT"
    said = "\n".join(came_to.differences)
    assert "the schema after Gate differs" in said
    assert "the ledger after Gate differs: 1 rows instead of 2" in said
    assert "after Gate, Gate sees ['0001_b'] as pending" in said
    assert "after Gate, Drizzle did something again (success)" in said


def test_names_of_one_second_are_ordered_as_javascript_orders_them(drizzle1: Drizzle) -> None:
    chance = random.Random(20250601)
    names = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 8))) for _ in range(3000)]
    assert drizzle1.ask("sort", names=names) == sorted(names, key=locale_key)


def test_times_overflow_as_in_javascript(drizzle1: Drizzle, tmp_path: Path) -> None:
    chance = random.Random(20250601)
    names = {"".join(chance.choices("0123456789", k=14)) + "_x" for _ in range(200)} | {
        "00000000000000",
        "99999999999999",
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").touch()
    theirs = {m["name"]: m["millis"] for m in drizzle1.ask("read", folder=str(tmp_path))}
    assert {name: stamp_milliseconds(name) for name in names} == theirs
