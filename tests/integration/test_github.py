"""GitHub over HTTP: paging, limits and refusals as documented, and nothing ever said to another host."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients.github import GitHub
from tasks.doctor_bench import bench_for
from tasks.doctor_github import GITHUB
from tasks.gate.errors import ConfigurationError
from tests.servers.github import REPOSITORY, TOKEN, FakeGitHub, fake_github


@pytest.fixture
def there() -> Iterator[FakeGitHub]:
    with fake_github() as github:
        yield github


def client(there: FakeGitHub, token: str = TOKEN, waited: list[float] | None = None) -> GitHub:
    return GitHub(there.url, REPOSITORY, SecretStr(token), sleep=(waited if waited is not None else []).append)


def test_lists_are_followed_to_their_last_page(there: FakeGitHub):
    commit = there.merged(1, "add", {"drizzle/0001.sql": b"x"})
    for login in ("bob", "cy", "dee"):
        there.review(1, login)
    there.page = 2
    assert [r.login for r in client(there).reviews(1)] == ["bob", "cy", "dee"]
    assert [p["number"] for p in client(there).pulls_of(commit)] == [1]


def test_a_link_to_another_host_is_not_followed_with_our_token(there: FakeGitHub):
    there.trouble = [(200, {"Link": '<http://127.0.0.2:1/more>; rel="next"'})]
    with pytest.raises(ConfigurationError, match="leads to another host"):
        list(client(there).reviews(1))


def test_a_blink_and_a_short_limit_are_waited_for_and_a_long_one_is_said(there: FakeGitHub):
    waited: list[float] = []
    there.trouble = [(503, {}), (429, {"Retry-After": "2"})]
    assert client(there, waited=waited).default_branch() == "main"
    assert waited == [0.5, 2.0]
    there.trouble = [(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1800)})]
    with pytest.raises(ConfigurationError, match=r"rate limit is used up for (29|30) min"):
        client(there).default_branch()


def test_a_wrong_token_is_named_by_its_setting_and_not_shown(there: FakeGitHub):
    with pytest.raises(ConfigurationError) as caught:
        client(there, "ghp_secret").default_branch()
    assert "ghp_secret" not in str(caught.value)
    assert caught.value.hint == "renew GATE_GITHUB_TOKEN"


def test_a_github_that_is_away_is_one_sentence():
    with pytest.raises(ConfigurationError, match=r"GitHub \(127\.0\.0\.1\) could not be asked"):
        GitHub("http://127.0.0.1:1", REPOSITORY, SecretStr(TOKEN), sleep=lambda _s: None).default_branch()


def test_there_is_one_comment_which_is_updated_and_nobody_elses_is_touched(there: FakeGitHub):
    there.comments[4] = [{"id": 1, "user": {"login": "eve"}, "body": "<!-- gate -->\nmine"}]
    client(there).put_comment(4, "<!-- gate -->", "first")
    client(there).put_comment(4, "<!-- gate -->", "second")
    assert [c["body"] for c in there.comments[4]] == ["<!-- gate -->\nmine", "<!-- gate -->\nsecond"]


def test_a_long_sentence_fits_into_a_status(there: FakeGitHub):
    client(there).set_status("ab", state="success", context="gate/shop", sentence="x" * 300, url="https://ci/1")
    assert len(there.statuses[0]["description"]) == 140


def test_the_doctor_asks_github_for_the_repository_and_names_what_is_missing(there: FakeGitHub, tmp_path: Path):
    where = {"github_api_url": there.url, "github_repository": REPOSITORY, "migrations": tmp_path}
    with bench_for(Settings(**where, github_token=SecretStr(TOKEN)), Policy(), {}) as bench:
        said = GITHUB.ask(bench).sentence
    assert said == f"{REPOSITORY} can be read, its default branch is main; GATE_GITHUB_WEBHOOK_SECRET is not set"
    with bench_for(Settings(**where), Policy(), {}) as bench:
        assert GITHUB.ask(bench).sentence == "GATE_GITHUB_TOKEN is not set, and the other half of the two is"
