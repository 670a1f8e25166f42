"""GitLab over HTTP: the one note of a merge request, a commit's status, and refusals that name their setting."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from flows.ci_report import CiReport
from tasks.clients.gitlab import GitLab
from tasks.doctor_bench import bench_for
from tasks.doctor_gitlab import GITLAB
from tasks.gate.errors import ConfigurationError
from tasks.gate.outcome import Outcome
from tests.integration.proposing import diff, repository, write
from tests.servers.gitlab import PROJECT, TOKEN, FakeGitLab, fake_gitlab

__all__ = ["repository"]

MARK = "<!-- gate: shop -->"


@pytest.fixture
def there() -> Iterator[FakeGitLab]:
    with fake_gitlab() as gitlab:
        yield gitlab


def client(there: FakeGitLab, token: str = TOKEN, waited: list[float] | None = None) -> GitLab:
    return GitLab(there.url, PROJECT, SecretStr(token), sleep=(waited if waited is not None else []).append)


def test_there_is_one_note_which_is_updated_on_whatever_page_it_is_and_nobody_elses_is_touched(there: FakeGitLab):
    there.page = 1
    there.note(4, f"{MARK}\nmine", {"id": 1, "username": "eve"})
    there.note(4, f"{MARK}\nadded 1 commit", system=True)
    client(there).put_note(4, MARK, "first")
    client(there).put_note(4, MARK, "second")
    assert [n["body"] for n in there.notes[4]] == [f"{MARK}\nmine", f"{MARK}\nadded 1 commit", f"{MARK}\nsecond"]


def test_a_line_of_a_file_is_no_order_to_gitlab(there: FakeGitLab):
    client(there).put_note(4, MARK, "````sql\n```\n/merge\n````\n")
    assert "\n/merge" not in there.notes[4][0]["body"]


def test_a_blink_and_a_short_limit_are_waited_for_and_a_wrong_token_is_named(there: FakeGitLab):
    waited: list[float] = []
    there.trouble = [(502, {}), (429, {"Retry-After": "3"})]
    assert client(there, waited=waited).path() == PROJECT
    assert waited == [0.5, 3.0]
    with pytest.raises(ConfigurationError) as caught:
        client(there, "glpat-secret").path()
    assert "glpat-secret" not in str(caught.value)
    assert caught.value.hint == "renew GATE_GITLAB_TOKEN"
    with pytest.raises(ConfigurationError, match="GitLab answered 404") as missing:
        GitLab(there.url, "acme/other", SecretStr(TOKEN)).path()
    assert "check GATE_GITLAB_PROJECT" in missing.value.hint


def test_a_release_sets_a_status_through_its_states_and_the_same_one_twice_is_no_error(
    there: FakeGitLab, capsys: pytest.CaptureFixture[str]
):
    settings = Settings(target="shop", gitlab_token=SecretStr(TOKEN), gitlab_project=PROJECT, gitlab_api_url=there.url)
    report = CiReport(settings, "abc")
    report.begun()
    report.begun()
    report.ended(Outcome(outcome="refused", sentence="x" * 300, exit_code=3), "", "", None)
    assert [(s["state"], s["name"], len(s["description"]) <= 255) for s in there.statuses] == [
        ("pending", "gate/shop", True),
        ("failed", "gate/shop", True),
    ]
    assert "could not be set" not in capsys.readouterr().err


@pytest.mark.usefixtures("repository")
def test_gate_diff_writes_the_note_of_the_merge_request_that_its_job_is_of(
    there: FakeGitLab, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {"TOKEN": TOKEN, "PROJECT": PROJECT, "API_URL": there.url}.items():
        monkeypatch.setenv(f"GATE_GITLAB_{name}", value)
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", "12")
    write("0001_note", "ALTER TABLE orders ADD COLUMN note text;")
    assert diff("--comment").return_value == 0
    (only,) = there.notes[12]
    assert only["body"].startswith(f"{MARK}\n### ")
    assert TOKEN not in only["body"]


def test_the_doctor_asks_gitlab_for_the_project_and_names_what_is_missing(there: FakeGitLab, tmp_path: Path):
    where = {"gitlab_api_url": there.url, "gitlab_project": PROJECT, "migrations": tmp_path}
    with bench_for(Settings(**where, gitlab_token=SecretStr(TOKEN)), Policy(), {}) as bench:
        assert GITLAB.ask(bench).sentence == "acme/shop can be read"
    with bench_for(Settings(**where), Policy(), {}) as bench:
        assert GITLAB.ask(bench).sentence == "GATE_GITLAB_TOKEN is not set, and the other half of the two is"
