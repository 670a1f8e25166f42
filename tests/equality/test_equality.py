"""On each folder of ours, Gate writes what Drizzle writes, and each finds nothing to do after the other."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.clients.embedded import EmbeddedServer
from tasks.drizzle.collation import locale_key
from tasks.drizzle.folders import stamp_milliseconds
from tests.equality.compare import Bench, compare, first_half
from tests.equality.node import Drizzle, NoNode
from tests.equality.sample import Sample
from tests.equality.samples import FOLDERS, JOURNALS

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


def test_names_of_one_second_are_ordered_as_javascript_orders_them(drizzle1: Drizzle) -> None:
    chance = random.Random(20250601)
    names = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 8))) for _ in range(3000)]
    assert drizzle1.ask("sort", names=names) == sorted(names, key=locale_key)


def test_times_overflow_as_in_javascript(drizzle1: Drizzle, tmp_path: Path) -> None:
    chance = random.Random(20250601)
    names = {"".join(chance.choices("0123456789", k=14)) + "_x" for _ in range(200)} | {"00000000000000", "99999999999999"}
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").touch()
    theirs = {m["name"]: m["millis"] for m in drizzle1.ask("read", folder=str(tmp_path))}
    assert {name: stamp_milliseconds(name) for name in names} == theirs
