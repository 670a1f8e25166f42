"""`gate diff` in a real repository: what a branch adds, where a reviewer should look, and the one comment on GitHub."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.commands.diff import command
from tasks.gate.places import place, place_in
from tests.integration.proposing import diff, document, repository, write
from tests.servers.github import BOT, REPOSITORY, TOKEN, FakeGitHub, fake_github

__all__ = ["repository"]


@pytest.mark.usefixtures("repository")
def test_a_branch_without_a_new_migration_says_so():
    result = diff()
    assert result.return_value == 0
    assert "no migration is new, compared with main" in result.output


@pytest.mark.usefixtures("repository")
def test_a_new_migration_is_shown_with_its_hazard_at_its_line():
    write("0001_drop", "ALTER TABLE orders ADD COLUMN note text;\n", "\nALTER TABLE orders DROP COLUMN id;")
    result = diff()
    assert result.return_value == 0
    assert "warning: 0001_drop.sql:4: " in result.output
    assert "1 migration new, compared with main, 1 hazard" in result.output


@pytest.mark.usefixtures("repository")
def test_a_migration_that_ran_and_was_edited_since_refuses():
    write("0000_init", "CREATE TABLE orders (id bigint);")
    result = diff("--json")
    assert result.return_value == 3
    assert document(result)["migrations"][0]["state"] == "edited"


@pytest.mark.usefixtures("repository")
def test_a_statement_that_would_refuse_the_release_is_an_error_at_its_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd()))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    write("0001_index", "CREATE INDEX CONCURRENTLY at ON orders (id);")
    result = diff("--code-quality", "quality.json")
    if result.return_value == 3:  # as long as such statements refuse a release
        assert "::error file=drizzle/0001_index.sql,line=1,title=gate::" in result.output
        assert json.loads(Path("quality.json").read_text())[0]["location"]["path"] == "drizzle/0001_index.sql"
    assert "### " in Path("summary.md").read_text()


@pytest.mark.usefixtures("repository")
def test_a_branch_that_is_not_fetched_is_named_with_what_to_set():
    result = CliRunner().invoke(command, ["--base", "origin/nowhere"])
    assert "git knows no commit origin/nowhere" in str(result.exception)
    assert "fetch-depth: 0" in str(result.exception)


@pytest.mark.as_root  # only root can give a checkout away
@pytest.mark.usefixtures("repository")
def test_a_checkout_of_another_user_is_named_as_such_with_the_remedy():
    os.chown(".", 65534, 65534)
    os.chown(".git", 65534, 65534)
    result = CliRunner().invoke(command, ["--base", "main"])
    assert "it belongs to another user" in str(result.exception)
    assert "safe.directory" in str(result.exception)


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as github:
        yield github


@pytest.mark.usefixtures("repository")
def test_one_comment_is_written_and_replaced_and_shows_names_as_they_are(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {"TOKEN": TOKEN, "REPOSITORY": REPOSITORY, "API_URL": github.url}.items():
        monkeypatch.setenv(f"GATE_GITHUB_{name}", value)
    monkeypatch.setenv("GITHUB_REF", "refs/pull/12/merge")
    write("0001_<!channel>", 'ALTER TABLE "@everyone" ADD COLUMN note text;')
    assert diff("--comment").return_value == 0
    write("0002_more", "ALTER TABLE orders ADD COLUMN more text;")
    assert diff("--comment").return_value == 0
    (only,) = github.comments[12]
    assert only["user"]["login"] == BOT
    assert only["body"].startswith("<!-- gate: shop -->\n### ")
    assert "2 migrations new" in only["body"]
    assert "<!channel>" not in only["body"].replace("`0001_<!channel>`", "")


def test_a_place_is_found_in_a_sentence_as_it_was_written():
    files = ["0001_a.sql", "10001_a.sql", "20260101_x/migration.sql"]
    for file in files:
        assert place_in(f"{place(file, 3, 1, 7)}: drops a column", files) == (file, 7)
        assert place_in(f"it is {place(file, 1, 0, 4)}", files) == (file, 4)
    assert place_in("nothing is named", files) is None
