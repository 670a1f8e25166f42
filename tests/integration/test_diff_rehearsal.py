"""`gate diff --rehearse`: a pull request's migrations on a scratch server, without production, and the comment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.options import settings_and_policy
from tasks.clients import postgres
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError
from tests.integration.backing_up import TARGET, back_up, own_scratch, prove_it
from tests.integration.proposing import diff, document, git, repository, write
from tests.servers.github import REPOSITORY, TOKEN, FakeGitHub, fake_github
from tests.servers.postgres import FAST

__all__ = ["repository"]

pytestmark = pytest.mark.usefixtures("repository", "scratch")


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(settings=FAST) as server:
        yield server


@pytest.fixture
def scratch(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_SCRATCH_URL", server.url().get_secret_value())


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    with fake_github() as github:
        for name, value in {"TOKEN": TOKEN, "REPOSITORY": REPOSITORY, "API_URL": github.url}.items():
            monkeypatch.setenv(f"GATE_GITHUB_{name}", value)
        monkeypatch.setenv("GITHUB_REF", "refs/pull/12/merge")
        yield github


def rollback(tag: str, text: str) -> None:
    folder = Path("drizzle/rollback")
    folder.mkdir(exist_ok=True)
    (folder / f"{tag}.sql").write_text(text)


def comment_of(github: FakeGitHub) -> str:
    (only,) = github.comments[12]
    return str(only["body"])


def test_the_comment_shows_locks_rewrites_and_the_proved_way_back_and_says_that_the_copy_was_empty(github: FakeGitHub):
    write("0001_big", "ALTER TABLE orders ALTER COLUMN id TYPE bigint;")
    rollback("0001_big", "ALTER TABLE orders ALTER COLUMN id TYPE int;")
    assert diff("--rehearse", "--comment").return_value == 0
    said = comment_of(github)
    assert "On an empty copy, made by the migrations of main with PostgreSQL" in said
    assert "durations, sizes and rows say nothing about production" in said
    assert "| `public.orders` | ACCESS EXCLUSIVE | reads and writes wait |" in said
    assert "ran on an empty copy" in said
    assert "plan once more | ✅ ran again, same schema" in said
    write("0002_more", "CREATE INDEX by_id ON orders (id);")
    assert diff("--rehearse", "--comment").return_value == 0
    assert "without rollback SQL the way back is the restore of a backup" in comment_of(github)


def test_a_migration_that_fails_refuses_and_the_comment_names_the_statement_and_why(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd()))
    write("0001_bad", "ALTER TABLE orders ADD COLUMN note text;\n", "\nCREATE INDEX at ON order_lines (id);")
    found = diff("--rehearse", "--comment")
    assert found.return_value == 3
    said = comment_of(github)
    assert said.startswith("<!-- gate: shop -->\n### ❌ ")
    assert '0001\\_bad, statement 2 (line 4): relation "order\\_lines" does not exist' in said
    assert "::error file=drizzle/0001_bad.sql,line=4,title=gate::the rehearsal failed at 0001_bad" in found.stderr


def test_rollback_sql_that_does_not_bring_everything_back_is_shown_and_does_not_refuse():
    write("0001_note", "ALTER TABLE orders ADD COLUMN note text, ADD COLUMN more text;")
    rollback("0001_note", "ALTER TABLE orders DROP COLUMN note;")
    found = diff("--rehearse", "--json")
    assert found.return_value == 0
    said = document(found)["rehearsed"]
    assert said["rehearsal"]["rollback"]["ran"] is True
    assert said["rehearsal"]["rollback"]["schema_equal"] is False
    assert "schema_text" not in said["rehearsal"]


def test_a_base_that_does_not_run_from_empty_is_blamed_itself():
    write("0001_bad", "CREATE INDEX at ON order_lines (id);")
    git("add", "-A")
    git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "bad")
    write("0002_more", "ALTER TABLE orders ADD COLUMN note text;")
    found = diff("--rehearse")
    assert found.return_value == 3
    assert "there was no rehearsal: main itself, replayed from an empty database, 0001_bad.sql" in found.output


def test_a_backup_that_is_asked_for_and_not_there_is_a_question_of_settings(monkeypatch: pytest.MonkeyPatch):
    write("0001_note", "ALTER TABLE orders ADD COLUMN note text;")
    assert isinstance(diff("--rehearse", "backup").exception, ConfigurationError)
    monkeypatch.setenv("GATE_STORE_URL", Path("store").absolute().as_uri())
    found = diff("--rehearse")
    assert found.return_value == 0
    assert "holds no proved backup of shop" in found.output


@pytest.fixture
def proved(repository: Path, production: SecretStr, monkeypatch: pytest.MonkeyPatch) -> SecretStr:
    """Production released `0000_init`, has rows, and a proved backup of it is in the store."""
    settings, _ = settings_and_policy()
    apply(production)
    with postgres.connect(production, purpose="test") as connection:
        connection.execute("insert into orders values (1), (2), (null)")
        connection.execute("create schema app; create table app.carts (id int)")
        connection.execute(f'alter database "{connection.info.dbname}" set search_path = app, public'.encode())
    store = DirectoryStore(Path("store").absolute())
    manifest = back_up(store, production)
    with own_scratch() as scratch:
        prove_it(store, manifest, scratch)
    assert settings.target == TARGET
    monkeypatch.setenv("GATE_STORE_URL", Path("store").absolute().as_uri())
    return production


def apply(url: SecretStr) -> None:
    """What the folder holds now, as a release would."""
    from tasks.drizzle.folder import read_folder
    from tasks.run_segments import plan_over, run_plan

    folder = read_folder(Path("drizzle"))
    with postgres.connect(url, purpose="test") as connection:
        run_plan(connection, plan_over(connection, folder, folder.migrations, ("drizzle", "__drizzle_migrations")))


@pytest.mark.usefixtures("proved")
def test_on_the_backup_real_rows_count_and_what_the_base_has_not_released_yet_runs_before(github: FakeGitHub):
    write("0001_note", "ALTER TABLE orders ADD COLUMN note text;")
    git("add", "-A")
    git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "merged, not released")
    write(
        "0002_fill", "UPDATE orders SET note = 'x';\n", "ALTER TABLE carts ADD COLUMN note text;"
    )  # app's, by the path
    assert diff("--rehearse", "--comment").return_value == 0
    said = comment_of(github)
    assert "ran on the restored backup" in said
    assert "public.orders \\~3" in said
    assert "1 migration of main that the backup lacks ran before" in said
    write("0002_fill", "ALTER TABLE orders ALTER COLUMN id SET NOT NULL;")
    assert diff("--rehearse", "--comment").return_value == 3
    assert "contains null values" in comment_of(github)
    assert diff("--rehearse", "empty").return_value == 0


@pytest.mark.long("DOORS", "make doors")
def test_a_backup_that_does_not_fit_the_branch_is_named_and_an_empty_copy_stands_in(proved: SecretStr):
    with postgres.connect(proved, purpose="test") as connection:
        connection.execute("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1750000000500)")
    store = DirectoryStore(Path("store").absolute())
    manifest = back_up(store, proved)
    with own_scratch() as scratch:
        prove_it(store, manifest, scratch)
    write("0001_note", "ALTER TABLE orders ADD COLUMN note text;")
    found = diff("--rehearse")
    assert found.return_value == 0
    assert "The newest backup could not be used: its ledger and main disagree" in found.output
    assert diff("--rehearse", "backup").return_value == 3
