"""What a release that is taken up looks at again, and what a person's slip of settings must not do to it."""

import signal

from pydantic import SecretStr

from tests.acceptance.project import Project


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


def _of(url: SecretStr) -> str:
    return url.get_secret_value()
