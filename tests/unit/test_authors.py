"""Who wrote a migration, as git says: authors, committers, co-authors, and whoever has not committed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from config.settings import Settings
from tasks.authors import authors_here
from tasks.clients import git
from tasks.gate.authors import authors_of
from tasks.gate.identity import Identity
from tasks.gate.plan import Migration, Plan, Rollback

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
ANN, BOB, CYD = "ann@example.com", "bob@example.com", "cyd@example.com"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three migrations below `app/drizzle`, and a history in which each has other hands."""
    folder = tmp_path / "app" / "drizzle"
    (folder / "rollback").mkdir(parents=True)
    run(tmp_path, "init", "-q", "-b", "main")
    (folder / "0000_init.sql").write_text("select 0;")
    commit(tmp_path, ANN)
    (folder / "0001_größe.sql").write_text("select 1;")
    (folder / "rollback" / "0001_größe.sql").write_text("select -1;")
    commit(tmp_path, BOB, message=f"add it\n\nCo-authored-by: Cyd Day <{CYD}>")
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> None:
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, env={"PATH": "/usr/bin", **environment}
    )


def commit(folder: Path, author: str, *, committer: str = "noreply@github.com", message: str = "change") -> None:
    run(folder, "add", "-A")
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": author, "GIT_COMMITTER_NAME": "c"}
    run(folder, "commit", "-q", "-m", message, **names, GIT_COMMITTER_EMAIL=committer)


def test_every_hand_in_a_file_is_named_and_the_browsers_committer_is_nobody(repository: Path) -> None:
    found = git.authors(repository / "app" / "drizzle")
    assert found == {
        "0000_init.sql": (f"email:{ANN}",),
        "0001_größe.sql": (f"email:{BOB}", f"email:{CYD}"),
        "rollback/0001_größe.sql": (f"email:{BOB}", f"email:{CYD}"),
    }
    (repository / "app" / "drizzle" / "0000_init.sql").write_text("select 2;")
    commit(repository, CYD, committer=BOB)
    found = git.authors(repository / "app" / "drizzle")
    assert set(found["0000_init.sql"]) == {f"email:{ANN}", f"email:{BOB}", f"email:{CYD}"}


def test_what_is_not_committed_was_written_by_a_stranger(repository: Path) -> None:
    folder = repository / "app" / "drizzle"
    (folder / "0000_init.sql").write_text("select 3;")
    (folder / "0002_new.sql").write_text("select 4;")
    found = git.authors(folder)
    assert found["0000_init.sql"] == (f"email:{ANN}", "somebody who did not commit it")
    assert found["0002_new.sql"] == ("somebody who did not commit it",)


def test_a_merge_that_changes_a_file_by_itself_is_somebodys_too(repository: Path) -> None:
    folder = repository / "app" / "drizzle"
    run(repository, "checkout", "-q", "-b", "side")
    (folder / "0000_init.sql").write_text("select 5;")
    commit(repository, BOB)
    run(repository, "checkout", "-q", "main")
    (folder / "0001_größe.sql").write_text("select 6;")
    commit(repository, BOB)
    run(repository, "merge", "-q", "--no-commit", "side", GIT_COMMITTER_NAME="c", GIT_COMMITTER_EMAIL=BOB)
    (folder / "0000_init.sql").write_text("drop table customers;")
    commit(repository, CYD)
    assert f"email:{CYD}" in git.authors(folder)["0000_init.sql"]


def test_without_a_whole_history_nobody_is_named(repository: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(shallow))
    assert git.authors(shallow / "app" / "drizzle") == {}
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    assert git.authors(outside) == {}


def test_a_plan_knows_the_hands_in_its_migrations_and_rollbacks(repository: Path) -> None:
    settings = Settings(target="shop", migrations=repository / "app" / "drizzle")
    plan = planned("0001_größe.sql", rollback="0001_größe.sql")
    assert authors_of(plan, authors_here(settings)) == (f"email:{BOB}", f"email:{CYD}")
    assert authors_of(planned("0007_elsewhere.sql"), authors_here(settings)) == ("the unknown author of 0007",)
    assert authors_of(plan, {}) == ()


def planned(file: str, rollback: str = "") -> Plan:
    migration = Migration(tag=file[:4], file=file, hash="h", created_at=1, name=None, statements=("select 1",))
    back = Rollback(tag=file[:4], file=rollback, sha256="s", text="select 1") if rollback else None
    return Plan(
        target="shop",
        identity=Identity(
            system_identifier="1",
            database_oid=1,
            database="shop",
            timeline=1,
            server_version="18.0",
            server_version_num=180000,
        ),
        tool="drizzle",
        generation=0,
        ledger_schema="drizzle",
        ledger_table="t",
        ledger_head="h",
        migrations=(),
        pending=(migration,),
        rollbacks=(back,) if back else (),
    )
