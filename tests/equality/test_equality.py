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
from tests.equality.compare import Bench, compare, first_half
from tests.equality.node import Drizzle, NoNode
from tests.equality.sample import Sample, Step
from tests.equality.samples import FOLDERS, JOURNALS

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


def differences(sample: Sample, tool: Drizzle, server: EmbeddedServer, tmp_path: Path) -> tuple[str, ...]:
    folder = sample.write(tmp_path / "drizzle")
    half = first_half(folder, tmp_path / "half") if sample.halves else None
    return compare(Bench(server, tool, sample.schema, sample.table), folder, half, kit=sample.kit)


@pytest.mark.parametrize("sample", JOURNALS, ids=lambda sample: sample.name)
def test_a_journal_leaves_the_same_behind(
    sample: Sample, drizzle0: Drizzle, production_server: EmbeddedServer, tmp_path: Path
) -> None:
    assert differences(sample, drizzle0, production_server, tmp_path) == ()


@pytest.mark.parametrize("sample", FOLDERS, ids=lambda sample: sample.name)
def test_a_folder_of_folders_leaves_the_same_behind(
    sample: Sample, drizzle1: Drizzle, production_server: EmbeddedServer, tmp_path: Path
) -> None:
    assert differences(sample, drizzle1, production_server, tmp_path) == ()


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


def test_a_difference_is_found_and_said(drizzle0: Drizzle, production_server: EmbeddedServer, tmp_path: Path) -> None:
    folder = Sample("one", 0, (Step("0000_a", "create table a (id int)"), Step("0001_b", ""))).write(tmp_path / "a")
    other = Sample("other", 0, (Step("0000_a", "create table a (id bigint)"),)).write(tmp_path / "b")
    found = compare(Bench(production_server, drizzle0), folder, other)
    assert any(line.startswith("Drizzle ended with success, Drizzle, then Gate with a refusal") for line in found)
    assert "the schema after Gate, then Drizzle differs" in found
    assert any(line.startswith("the ledger after Gate, then Drizzle differs") for line in found)


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
