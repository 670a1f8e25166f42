"""`gate rollback` with the real command on real servers: taken back, refused with the reason, killed and resumed."""

from tests.acceptance.project import ADD_NOTE, DROP_NOTE, Project

NOTES = ("CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL);",)


def _applied(project: Project) -> list[str]:
    """Three migrations in production, the last two with rollback SQL."""
    project.begin()
    tags = [project.add("note", ADD_NOTE, DROP_NOTE), project.add("notes", NOTES, "DROP TABLE notes;\n")]
    project.migrate(project.production)
    return tags


def test_a_migration_and_what_came_after_it_are_taken_back_and_pending_again(project: Project):
    note, notes = _applied(project)
    ended = project.gate("rollback", note, "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "rolled-back"), ended.all
    assert ended.document["sentence"] == f"done in production and verified: take back {notes} and {note}"
    assert "note" not in project.columns()
    assert len(project.ledger()) == 1
    assert project.gate("status", "--json").document["pending"] == [note, notes]
    project.migrate(project.production)
    assert "note" in project.columns()
    report = project.gate("report", ended.document["id"])
    assert "DROP TABLE notes" in report.out
    assert "taken back by" in report.out
