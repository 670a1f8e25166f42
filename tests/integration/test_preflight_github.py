"""The review on GitHub as a check: the bytes that will run are the commit's, and other people approved the commit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import Settings
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Verdict
from tasks.preflight import github_review
from tests.integration.preflight_stage import FIRST, SECOND, migrate, only, question_for, settings_for, write_folder
from tests.servers.github import REPOSITORY, TOKEN, FakeGitHub, fake_github

ASKED = {"checks": {"review_approvals": 1}}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as github:
        yield github


@pytest.fixture
def settings(production: SecretStr, tmp_path: Path, github: FakeGitHub) -> Settings:
    migrate(production, only(FIRST))
    folder = write_folder(tmp_path / "drizzle")
    return settings_for(
        folder,
        production,
        github_api_url=github.url,
        github_repository=REPOSITORY,
        github_token=SecretStr(TOKEN),
    )


def committed(settings: Settings) -> dict[str, bytes]:
    files = (p for p in settings.migrations.rglob("*") if p.suffix in {".sql", ".json"})
    return {f"db/drizzle/{p.relative_to(settings.migrations).as_posix()}": p.read_bytes() for p in files}


def ask(settings: Settings, commit: str, **more: Any) -> tuple[Verdict, str]:
    with question_for(settings, policy=more.pop("policy", ASKED), commit=commit) as question:
        answer = github_review.CHECK.ask(question)
    return answer.verdict, answer.sentence


def test_a_merged_and_approved_commit_passes_and_names_the_reviewer(settings: Settings, github: FakeGitHub):
    commit = github.merged(12, "add paid", committed(settings))
    github.review(12, "bob")
    assert ask(settings, commit) == (Verdict.PASS, "1 commit approved by bob")


def test_bytes_that_the_commit_does_not_hold_fail_whoever_approved_it(settings: Settings, github: FakeGitHub):
    commit = github.merged(12, "add paid", committed(settings))
    github.review(12, "bob")
    (settings.migrations / f"{SECOND}.sql").write_text("drop table orders;")
    verdict, sentence = ask(settings, commit)
    assert verdict is Verdict.FAIL
    assert sentence == f"{SECOND}.sql: not as in commit {commit[:10]} of {REPOSITORY}"


def test_an_earlier_push_to_the_same_migration_is_found_behind_a_reviewed_commit(
    settings: Settings, github: FakeGitHub
):
    commit = github.merged(12, "add paid", committed(settings))
    github.review(12, "bob")
    github.histories[f"db/drizzle/{SECOND}.sql"].append(github.commit("pushed at night", author="eve"))
    verdict, sentence = ask(settings, commit)
    assert verdict is Verdict.FAIL
    assert f"({SECOND}.sql) came to main without a pull request" in sentence


def test_a_merge_by_hand_that_brought_other_bytes_than_were_reviewed_fails(settings: Settings, github: FakeGitHub):
    commit = github.merged(12, "add paid", committed(settings))
    github.review(12, "bob")
    reviewed = {path: b"select 1;" if path.endswith(f"{SECOND}.sql") else c for path, c in committed(settings).items()}
    github.trees[github.pulls[12]["head"]["sha"]] = reviewed
    verdict, sentence = ask(settings, commit)
    assert verdict is Verdict.FAIL
    assert sentence == f"{SECOND}.sql: no reviewed state of the pull request holds these bytes"


def test_its_own_author_and_a_reader_approve_in_vain(settings: Settings, github: FakeGitHub):
    commit = github.merged(12, "add paid", committed(settings))
    github.review(12, "ada")
    github.review(12, "guest", may="read")
    verdict, sentence = ask(settings, commit)
    assert verdict is Verdict.FAIL
    assert "0 count (ada: wrote part of it; guest: may not write to the repository)" in sentence


def test_a_github_that_is_away_fails_with_its_sentence(settings: Settings):
    away = settings.model_copy(update={"github_api_url": "http://127.0.0.1:1"})
    with pytest.raises(ConfigurationError, match="could not be asked"):  # which the checklist turns into a failure
        ask(away, "a" * 40)


def test_without_a_place_or_a_commit_it_says_what_is_missing(settings: Settings):
    assert ask(settings, "", policy={})[0] is Verdict.NOT_CONFIGURED
    assert ask(settings, "")[1].startswith("which commit is released is not known")
    nowhere = settings.model_copy(update={"github_token": None})
    assert ask(nowhere, "a" * 40)[1] == "policy asks for a review on GitHub, and nothing says where"
