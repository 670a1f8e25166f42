"""Every seeded defect is stopped by its own name with a remedy; on clean histories nothing is ever stopped."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.drizzle.folder import read_folder
from tasks.drizzle.states import states
from tasks.drizzle.text import MARKER
from tasks.drizzle.verdicts import with_drizzles_part
from tasks.gate.errors import Refused
from tasks.gate.plan import Problem
from tasks.read_scripts import read_migrations
from tests.unit.defects import DEFECTS, LEDGERS, Defect
from tests.unit.histories import NOW, History, clean

HISTORIES = int(os.environ.get("HISTORIES", "2000"))
EACH = int(os.environ.get("HISTORIES_EACH", "12"))  # for each defect; `make defects` takes more
SEEDS = st.integers(0, 10**9)
at_most = settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
for_each = settings(max_examples=EACH, deadline=None, suppress_health_check=list(HealthCheck))


def problems(history: History) -> tuple[Problem, ...]:
    """What refuses the release, as the plan has it."""
    _, pending, found = states(history.folder, history.ledger, NOW)
    return (*found, *with_drizzles_part(read_migrations(pending, 18).problems))


@at_most
@given(SEEDS)
def test_on_a_clean_history_nothing_is_stopped_and_exactly_the_rest_is_pending(seed: int) -> None:
    history = clean(seed)
    assert problems(history) == ()
    _, pending, _ = states(history.folder, history.ledger, NOW)
    assert pending == history.migrations[len(history.rows) :]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
@for_each
@given(seed=SEEDS)
def test_a_defect_is_stopped_by_its_own_name_and_with_a_remedy(defect: Defect, seed: int) -> None:
    found = problems(defect.spoil(clean(seed, defect.generation)))
    assert defect.kind in {problem.kind for problem in found}
    for problem in found:
        assert problem.cause
        assert problem.remedy
        assert problem.drizzle


@pytest.mark.parametrize(("name", "kind", "judge"), LEDGERS, ids=[name for name, _, _ in LEDGERS])
@for_each
@given(seed=SEEDS)
def test_a_ledger_in_the_wrong_place_is_asked_about(
    name: str, kind: str, judge: Callable[[History], tuple[Problem, ...]], seed: int
) -> None:
    (problem,) = judge(clean(seed))
    assert problem.kind == kind
    assert "set GATE_MIGRATIONS_SCHEMA" in problem.remedy
    assert problem.drizzle


def written(history: History, folder: Path) -> Path:
    """The journal of a history as files."""
    (folder / "meta").mkdir(parents=True)
    entries = [{"idx": n, "when": m.created_at, "tag": m.tag} for n, m in enumerate(history.migrations)]
    for migration in history.migrations:
        (folder / migration.file).write_text(MARKER.join(migration.statements), newline="")
    (folder / "meta/_journal.json").write_text(json.dumps({"dialect": "postgresql", "entries": entries}))
    return folder


def _text(change: Callable[[str], str]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / "meta/_journal.json"
        file.write_text(change(file.read_text()))

    return spoil


def _linked(folder: Path) -> None:
    (folder.parent / "elsewhere.sql").write_text("select 1")
    (folder / "0000_step.sql").unlink()
    (folder / "0000_step.sql").symlink_to(folder.parent / "elsewhere.sql")


def _moved_half(folder: Path) -> None:
    (folder / "20250601120000_a").mkdir()
    for file in ("migration.sql", "snapshot.json"):
        (folder / "20250601120000_a" / file).touch()


BROKEN: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a byte order mark": ("journal-bom", _text(lambda text: "\ufeff" + text)),
    "a merge conflict": ("journal-json", _text(lambda text: f"<<<<<<< HEAD\n{text}\n=======\n{text}\n>>>>>>> x")),
    "a comma too many": ("journal-json", _text(lambda text: text.replace("}]", "},]"))),
    "cut off": ("journal-json", _text(lambda text: text[: len(text) // 2])),
    "nothing in it": ("journal-empty", _text(lambda _: " \n")),
    "no entries": ("journal-entries", _text(lambda text: text.replace('"entries"', '"entry"'))),
    "another database's": ("journal-dialect", _text(lambda text: text.replace("postgresql", "mysql"))),
    "an entry without a tag": ("journal-tag", _text(lambda text: text.replace('"tag": "0001_step"', '"t": 1'))),
    "an entry without a time": ("journal-when", _text(lambda text: text.replace('"when"', '"at"', 1))),
    "an entry twice": ("journal-twice", _text(lambda text: text.replace("0001_step", "0000_step"))),
    "a listed file is missing": ("missing-file", lambda folder: (folder / "0000_step.sql").unlink()),
    "a file that is a link out of the folder": ("outside", _linked),
    "folders of the other generation beside it": ("two-generations", _moved_half),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_journal_that_is_broken_is_named_with_a_remedy(name: str, tmp_path: Path) -> None:
    kind, spoil = BROKEN[name]
    for seed in range(1 + EACH // 12):
        folder = written(clean(seed, 0), tmp_path / str(seed) / "drizzle")
        assert read_folder(folder).migrations == clean(seed, 0).migrations
        spoil(folder)
        with pytest.raises(Refused) as caught:
            read_folder(folder)
        assert (caught.value.nouns["kind"], bool(caught.value.hint)) == (kind, True)
        assert caught.value.nouns["drizzle"]


def test_there_are_many_kinds_and_each_has_a_name_of_its_own() -> None:
    kinds = {d.kind for d in DEFECTS} | {kind for _, kind, _ in LEDGERS} | {kind for kind, _ in BROKEN.values()}
    assert len(kinds) >= 35
    assert len({d.name for d in DEFECTS}) == len(DEFECTS)
