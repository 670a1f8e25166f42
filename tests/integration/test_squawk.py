"""Squawk's findings in a plan: beside ours in one list, no double, and in nobody's way unless the policy says so."""

import sys
from pathlib import Path

import pytest

from config.policy import Checks, Policy
from tasks.clients import squawk
from tasks.drizzle.text import migration
from tasks.gate.effect import Effect, Hazard
from tasks.gate.squawk import NOT_A_HAZARD, SAME, Remark, merged, text_of
from tasks.lint import linted
from tasks.read_scripts import Reading, read_migrations

needs_squawk = pytest.mark.skipif(squawk.installed() is None, reason="squawk is not installed (pip install gate[lint])")


def read(*files: str, squawk: str = "note") -> Reading:
    pending = [
        migration(text.encode(), tag=f"000{n}_x", file=f"000{n}_x.sql", created_at=n, name=None)
        for n, text in enumerate(files)
    ]
    return linted(read_migrations(pending, 18, ()), Policy(checks=Checks(squawk=squawk)), 18)


DOUBLES = [
    "CREATE INDEX ON t (a)",
    "ALTER TABLE t ADD COLUMN x text NOT NULL",
    "ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES o(id)",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)",
    "ALTER TABLE t DROP COLUMN x",
    "ALTER TABLE t ALTER COLUMN a TYPE bigint",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "ALTER TABLE t RENAME TO u",
    "DROP TABLE t",
    "TRUNCATE t CASCADE",
]


@needs_squawk
@pytest.mark.parametrize("text", DOUBLES)
def test_what_both_find_is_said_once_in_our_words(text: str) -> None:
    ours = read(text, squawk="off").hazards
    assert ours != ()
    assert read(text).hazards == ours


@needs_squawk
def test_what_only_squawk_finds_is_added_to_the_very_statement_with_its_name() -> None:
    found = read("SELECT 1 -- one\n", "CREATE TABLE a (id int); DROP INDEX i;\n--> statement-breakpoint\nSELECT 2")
    assert found.problems == ()
    (hazard,) = [h for effect in found.effects for h in effect.hazards if h.kind.startswith("squawk:")]
    assert hazard.kind == "squawk:require-concurrent-index-deletion"
    assert hazard in found.effects[2].hazards
    assert found.hazards == (f"0001_x.sql, statement 1 (line 1): {hazard.sentence}",)


@needs_squawk
def test_a_table_of_an_earlier_migration_of_the_release_is_new_to_squawk_too() -> None:
    assert read("CREATE TABLE a (id int)", "CREATE INDEX ON a (id); ALTER TABLE a ADD c int NOT NULL").hazards == ()


@needs_squawk
def test_a_migration_cannot_silence_it() -> None:
    assert read("-- squawk-ignore-file\n-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX i").hazards != ()


@needs_squawk
def test_a_policy_can_let_it_refuse() -> None:
    (problem,) = read("DROP TABLE t", squawk="refuse").problems
    assert (problem.kind, problem.tag) == ("squawk", "0000_x")
    assert problem.cause.startswith("0000_x.sql, line 1: Dropping a table")
    assert problem.remedy == 'change the statement, or set squawk = "note" in [checks] of gate.toml'
    assert read("CREATE TABLE t (id int)", squawk="refuse").problems == ()


def test_a_machine_without_it_is_told_only_where_the_policy_needs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    ours = read("DROP TABLE t", squawk="off")
    assert read("DROP TABLE t") == ours
    (problem,) = read("DROP TABLE t", squawk="refuse").problems
    assert problem.cause == "squawk is not installed, and the policy lets it refuse"


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no json\n", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho '[{}]'\n"])
def test_a_squawk_that_fails_is_a_note_and_stops_nothing(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "squawk").write_text(script)
    (tmp_path / "squawk").chmod(0o755)
    found = read("DROP TABLE t")
    assert found.problems == ()
    assert found.hazards[-1].startswith("squawk could not be asked: ")
    assert read("DROP TABLE t", squawk="refuse").problems != ()


def test_the_line_of_a_finding_leads_to_its_statement() -> None:
    linted_text = text_of(["select 1 -- a", "select\n2", "select 3"])
    effects = [Effect(kind=str(n)) for n in range(3)]
    placed = merged(effects, linted_text, [Remark("new-rule", line, "Bad.", "") for line in (0, 3, 4)])
    assert [[h.sentence for h in e.hazards] for e in placed] == [
        ["Bad (squawk: new-rule)"],
        ["Bad (squawk: new-rule)"],
        [],
    ]
    assert placed[0].hazards == (Hazard(kind="squawk:new-rule", sentence="Bad (squawk: new-rule)"),)


def test_no_rule_is_both_a_double_and_no_hazard() -> None:
    assert SAME.keys() & NOT_A_HAZARD == set()
