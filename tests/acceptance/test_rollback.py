"""`gate rollback` with the real command on real servers: taken back, refused with the reason, killed and resumed."""

import signal

import pytest

from tasks.clients import postgres
from tests.acceptance.project import ADD_NOTE, DROP_NOTE, Project

NOTES = ("CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL);",)


def _applied(project: Project) -> list[str]:
    """Three migrations in production, the last two with rollback SQL."""
    project.begin()
    tags = [project.add("note", ADD_NOTE, DROP_NOTE), project.add("notes", NOTES, "DROP TABLE notes;\n")]
    project.migrate(project.production)
    return tags


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_search_path_and_a_time_zone_of_production_hold_for_a_release_and_for_its_way_back(project: Project):
    for url in (project.production, project.staging):
        with postgres.connect(url, purpose="test") as connection:
            name = f'"{connection.info.dbname}"'
            connection.execute(f"create schema app; alter database {name} set search_path = app, public".encode())
            connection.execute(f"alter database {name} set timezone = 'Asia/Tokyo'".encode())
    project.begin()
    since = "ALTER TABLE notes ADD COLUMN since timestamptz DEFAULT '2026-01-01';"
    project.add("notes", (*NOTES, since), "DROP TABLE notes;\n")
    project.migrate(project.staging)
    ended = project.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    with postgres.connect(project.production, purpose="test") as connection:
        assert connection.execute("select to_regclass('app.notes') is not null").fetchone() == (True,)
    back = project.gate("rollback", ended.document["id"], "--yes", "--json")
    assert back.code == 0, back.all
    assert "left behind" not in back.err
    assert "do not run again" not in back.err


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_what_a_rollback_of_a_release_leaves_behind_is_found_and_shown_to_the_approver(project: Project):
    project.begin()
    project.add("note", (*ADD_NOTE, "CREATE INDEX orders_total ON orders (total);"), DROP_NOTE)
    project.migrate(project.staging)
    release = project.gate("run", "--yes", "--json").document["id"]
    ended = project.gate("rollback", release, "--yes", "--json")
    assert ended.code == 0, ended.all
    assert f"1 line of the schema differs from production before {release}" in ended.err
    assert "left behind: +CREATE INDEX orders_total ON public.orders USING btree (total);" in ended.err
    assert "the migrations do not run again after it: 0001_note, statement 3 (line 3): relation" in ended.err


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_rollback_that_cannot_be_is_refused_with_the_reason_and_opens_nothing(project: Project):
    project.begin()
    note = project.add("note", ADD_NOTE, DROP_NOTE)
    project.migrate(project.staging)
    release = project.gate("run", "--yes", "--json").document["id"]
    notes = project.add("notes", NOTES)
    project.migrate(project.production)
    without_sql = project.gate("rollback", notes, "--yes")
    assert without_sql.code == 3
    assert f"`gate rollback --draft {notes}`" in without_sql.all
    from_the_middle = project.gate("rollback", release, "--yes")
    assert from_the_middle.code == 3
    assert f"drizzle would never apply {note} again: a newer migration stays applied" in from_the_middle.all
    assert f"`gate rollback {note}` takes everything back" in from_the_middle.all
    assert project.gate("rollback", "0001_nte", "--yes").err.count("did you mean 0001_note?") == 1
    assert len(project.gate("status", "--json").document["releases"]) == 1
    assert len(project.ledger()) == 3


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_rollback_whose_verification_fails_is_brought_back_by_the_backup(project: Project):
    note, _ = _applied(project)
    before = project.ledger(), project.contents()
    invariants = project.home / "invariants"
    invariants.mkdir()
    (invariants / "notes.sql").write_text("select 1 where to_regclass('notes') is null")
    project.policy += f'invariants = "{invariants}"\n'
    ended = project.gate("rollback", note, "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert (project.ledger(), project.contents()) == before


KILLED = [
    "back-up:end",
    "rehearse:statement",
    "ask:end",
    "apply:after-statement",
    "apply:before-commit",
    "apply:committed",
    "verify:end",
]


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_rollback_killed_again_and_again_is_finished_in_the_end(project: Project):
    note, notes = _applied(project)
    assert project.gate("rollback", note, "--yes", GATE_KILL_AT=KILLED[0]).code == -signal.SIGKILL
    release = project.gate("status", "--json").document["releases"][0]["id"]
    for point in KILLED[1:]:
        killed = project.gate("resume", release, "--yes", GATE_KILL_AT=point)
        assert killed.code == -signal.SIGKILL, killed.all
    resumed = project.gate("resume", release, "--yes", "--json")
    assert (resumed.code, resumed.document["outcome"]) == (0, "rolled-back"), resumed.all
    assert resumed.document["sentence"] == f"done in production and verified: take back {notes} and {note}"
    assert len(project.ledger()) == 1
    assert "note" not in project.columns()
    assert project.gate("status", "--json").document["pending"] == [note, notes]
    report = project.gate("report", release).out
    assert "DROP TABLE notes" in report
    assert "taken back by" in report
    project.migrate(project.production)
    assert "note" in project.columns()


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_draft_needs_no_production_and_is_used_only_once_its_mark_is_gone(project: Project):
    project.begin()
    note = project.add("note", ("ALTER TABLE orders ADD COLUMN note text;", "CREATE INDEX notes ON orders (note);"))
    drafted = project.gate("rollback", "--draft", note, "--json", GATE_PRODUCTION_URL="-", GATE_STAGING_URL="-")
    assert (drafted.code, drafted.document["exact"]) == (0, True), drafted.all
    project.migrate(project.production)
    refused = project.gate("rollback", note, "--yes")
    assert refused.code == 3
    assert f"{note}.sql is still a draft" in refused.all
    file = project.folder / "rollback" / f"{note}.sql"
    file.write_text(file.read_text().replace("-- gate: draft\n", ""))
    assert project.gate("rollback", note, "--plan").out.count("drop index public.notes;") == 1
    ended = project.gate("rollback", note, "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "rolled-back"), ended.all
    assert "the schema is then as in a replay of the history without 0001_note; the migrations ran again" in ended.err
    again = project.gate("rollback", "--draft", note)
    assert again.code == 2
    assert "a draft overwrites nothing" in again.err
