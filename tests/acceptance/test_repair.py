"""`gate repair` with the real command on real servers: listed, refused with the reason, mended, and proved."""

import json

import pytest

from tests.acceptance.project import Project

OLD = ("ALTER TABLE orders ADD COLUMN branch text DEFAULT 'x';",)
NEW = ("ALTER TABLE orders ADD COLUMN note text;",)
EVERY = pytest.mark.long("EVERY_REPAIR", "make repairs")


def skipped(project: Project) -> tuple[str, str]:
    """A branch that was merged late: its entry is older than what production has."""
    project.begin()
    late, newest = project.add("branch", OLD), project.add("note", NEW)
    journal = json.loads((project.folder / "meta/_journal.json").read_text())
    whole = json.dumps(journal)
    journal["entries"] = [journal["entries"][0], journal["entries"][2]]
    (project.folder / "meta/_journal.json").write_text(json.dumps(journal))
    project.migrate(project.production)
    (project.folder / "meta/_journal.json").write_text(whole)
    return late, newest


def test_a_skipped_migration_is_listed_run_and_drizzle_then_has_nothing_to_do(project: Project) -> None:
    late, _ = skipped(project)
    listed = project.gate("repair")
    assert f"skipped: {late} has no row" in listed.out
    assert "Drizzle: skips it, now and for ever, exits 0" in listed.out
    assert f"gate repair run {late}" in listed.out
    shown = project.gate("repair", "run", late, "--plan")
    assert (shown.code, "insert into" in shown.out, "ADD COLUMN branch" in shown.out) == (0, True, True)
    assert "branch" not in project.columns()
    ended = project.gate("repair", "run", late, "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "repaired"), ended.all
    assert {"branch", "note"} <= set(project.columns())
    assert project.gate("plan", "--json").document["verdict"] == "nothing-pending"
    assert len(project.ledger()) == 3
    again = project.gate("repair", "run", late)
    assert (again.code, "is not offered for what production's ledger holds now" in again.err) == (2, True)


@EVERY
def test_what_is_marked_as_applied_must_be_there(project: Project) -> None:
    late, _ = skipped(project)
    refused = project.gate("repair", "mark", late, "--yes", "--json")
    assert (refused.code, len(project.ledger())) == (3, 2), refused.all
    assert "production's schema differs from the replay" in refused.all
    project.sql(project.production, "ALTER TABLE orders DROP COLUMN note")
    project.sql(project.production, OLD[0])
    project.sql(project.production, NEW[0])
    ended = project.gate("repair", "mark", late, "--yes", "--json")
    assert (ended.code, len(project.ledger())) == (0, 3), ended.all
    assert project.gate("plan", "--json").document["verdict"] == "nothing-pending"


@EVERY
def test_a_database_without_history_is_taken_over(project: Project) -> None:
    project.begin()
    project.add("note", NEW)
    project.migrate(project.production)
    rows = project.ledger()
    project.sql(project.production, "DROP SCHEMA drizzle CASCADE")
    assert "gate repair baseline" in project.gate("repair").out
    ended = project.gate("repair", "baseline", "--yes", "--json")
    assert ended.code == 0, ended.all
    assert project.ledger() == rows


@EVERY
def test_a_row_is_given_the_journals_time_and_a_foreign_one_is_removed(project: Project) -> None:
    project.begin()
    rows = project.ledger()
    ledger = "drizzle.__drizzle_migrations"
    project.sql(project.production, f"update {ledger} set created_at = created_at - 5")
    project.sql(project.production, f"insert into {ledger} (hash, created_at) values ('hand made', 99)")
    for subject in (["restamp", "0000_init"], ["forget", "2"]):
        ended = project.gate("repair", *subject, "--yes", "--json")
        assert ended.code == 0, ended.all
    assert project.ledger() == rows
    assert project.gate("plan", "--json").document["verdict"] == "nothing-pending"
