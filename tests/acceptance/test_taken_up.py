"""What a release that is taken up looks at again, and what a person's slip of settings must not do to it."""

import signal

from pydantic import SecretStr

from tests.acceptance.project import ADD_NOTE, Project


def test_an_apply_that_was_cut_off_is_not_begun_again_when_a_file_changed_since(project: Project) -> None:
    tag = project.ready()
    before = (project.contents(), project.columns(), project.ledger())
    assert project.gate("run", "--yes", GATE_KILL_AT="apply:before-statement").code == -signal.SIGKILL
    release = project.gate("status", "--json").document["releases"][0]["id"]
    wrong = project.gate("resume", release, GATE_PRODUCTION_URL=_of(project.staging))
    assert wrong.code == 3, wrong.all
    assert "GATE_PRODUCTION_URL leads to" in wrong.all
    assert project.gate("status", "--json").document["releases"][0]["state"] != "halted"
    (project.folder / f"{tag}.sql").write_text("ALTER TABLE orders ADD COLUMN other text;")
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert f"the approval is void: migration {tag} changed" in resumed.document["sentence"]
    assert (project.contents(), project.columns(), project.ledger()) == before
    assert project.gate("report", release, "--verify").code == 0


def test_a_run_that_finds_a_dead_release_and_cannot_bring_production_back_pages(project: Project) -> None:
    project.begin()
    project.add("note", ADD_NOTE)
    project.migrate(project.staging)
    folder = project.home / "invariants"
    folder.mkdir()
    (folder / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    project.policy += f'invariants = "{folder}"\n[recovery]\nallow_restore = false\n'
    assert project.gate("run", "--yes", GATE_KILL_AT="apply:committed").code == -signal.SIGKILL
    found = project.gate("run", "--yes", "--json")
    assert (found.code, found.document["outcome"]) == (6, "not-recovered"), found.all
    backup = project.gate("backups", "--json").document[0]["id"]
    process = project.start("restore", backup, "--yes")
    assert process.stdout is not None
    next(line for line in process.stdout if line.strip())
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, "gate resume" in out) in {(130, True), (0, False)}, out + err
    if process.returncode:
        release = project.gate("status", "--json").document["releases"][0]["id"]
        assert project.gate("resume", release).code == 0
    assert "note" not in project.columns()


def _of(url: SecretStr) -> str:
    return url.get_secret_value()
