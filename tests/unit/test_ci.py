"""What Gate knows of the CI job around it, and what it writes for CI to show."""

from pathlib import Path

import pytest

from config.settings import Settings
from flows.ci import Ci, ci_job
from flows.ci_report import SUMMARY_BYTES, CiReport, escaped, write_summary
from flows.starting import starter
from tasks.gate.outcome import Outcome

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_ACTOR": "ada",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_RUN_ID": "7",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": "b" * 40,
    "GITLAB_USER_LOGIN": "bob",
    "CI_PROJECT_PATH": "acme/shop",
    "CI_JOB_URL": "https://gitlab.example.com/acme/shop/-/jobs/9",
}


def test_each_ci_is_known_by_its_own_variables_and_a_laptop_is_none():
    page = "https://github.example.com/acme/shop/actions/runs/7"
    assert ci_job(GITHUB) == Ci("github", "a" * 40, "ada", page)
    assert ci_job(GITLAB) == Ci("gitlab", "b" * 40, "bob", GITLAB["CI_JOB_URL"])
    assert ci_job({"CI": "true"}) == Ci()


def test_who_started_it_is_named_as_the_policy_names_people(monkeypatch: pytest.MonkeyPatch):
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    assert starter() == "github:ada"


def test_the_end_is_written_where_the_job_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in {**GITHUB, "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "outputs"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    end = Outcome(outcome="refused", sentence="100% of it:\nno", exit_code=3)
    CiReport(Settings(), "a" * 40).ended(end, "r1", "", None)
    assert "100% of it" in Path("summary.md").read_text()
    assert capsys.readouterr().err == "::error title=gate refused::100%25 of it:%0Ano\n"
    name, sentence, more, mark = Path("outputs").read_text().splitlines()[-4:]
    assert (sentence, more) == ("100% of it:", "no")
    assert name == f"sentence<<{mark}"


def test_a_summary_stays_below_what_github_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    write_summary("a line of the report\n" * 100_000)
    written = (tmp_path / "summary.md").read_text()
    assert len(written) <= SUMMARY_BYTES + 100
    assert written.endswith("The rest is too long for here: `gate report`.\n")


def test_what_could_end_a_workflow_command_is_escaped():
    assert escaped("50%\r\n::error::x") == "50%25%0D%0A::error::x"
    assert escaped("a:b,c", in_property=True) == "a%3Ab%2Cc"
