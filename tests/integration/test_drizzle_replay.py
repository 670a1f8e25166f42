"""A folder replayed from an empty database on a scratch server: a database, or the statement that stops it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.drizzle.folder import read_folder
from tasks.gate.errors import Refused
from tasks.gate.plan import Folder
from tasks.replay import replay


@pytest.fixture(scope="module")
def scratch(scratch_programs: Programs) -> Iterator[ScratchServer]:
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        yield server


def journal(folder: Path, *texts: str) -> Folder:
    (folder / "meta").mkdir(parents=True)
    entries = [{"idx": n, "when": 1_750_000_000_000 + n, "tag": f"{n:04}_m"} for n in range(len(texts))]
    for entry, text in zip(entries, texts, strict=True):
        (folder / f"{entry['tag']}.sql").write_text(text)
    (folder / "meta/_journal.json").write_text(json.dumps({"dialect": "postgresql", "entries": entries}))
    return read_folder(folder)


def databases(scratch: ScratchServer) -> set[str]:
    with postgres.connect(scratch.url, purpose="tests") as connection:
        return {name for (name,) in connection.execute("select datname from pg_database")}


def test_a_replay_leaves_a_database_with_the_whole_folder(scratch: ScratchServer, tmp_path: Path) -> None:
    folder = journal(tmp_path / "drizzle", "create table a (id int)", "alter table a add column b int")
    name = replay(scratch, folder, "drizzle", "__drizzle_migrations")
    with postgres.connect(scratch.database_url(name), purpose="tests") as connection:
        assert connection.execute("select count(*) from drizzle.__drizzle_migrations").fetchone() == (2,)
        assert connection.execute("select b from a").fetchall() == []
    assert replay(scratch, folder, "drizzle", "__drizzle_migrations") != name


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "select 1;\ninsert into nowhere values (1)",
            '0000_m.sql, line 2: relation "nowhere" does not exist (42P01)',
            "does not create",
        ),
        (
            "grant all on schema public to nobody_here",
            '0000_m.sql, line 1: role "nobody_here" does not exist (42704)',
            "a role",
        ),
        ("create extension no_such_one", "is not available (0A000)", "install the extension's files"),
    ],
)
def test_what_cannot_run_from_empty_is_refused_and_its_database_dropped(
    scratch: ScratchServer, tmp_path: Path, text: str, message: str, hint: str
) -> None:
    before = databases(scratch)
    with pytest.raises(Refused) as caught:
        replay(scratch, journal(tmp_path / "drizzle", text), "drizzle", "__drizzle_migrations")
    assert caught.value.message.startswith("replayed from an empty database, 0000_m.sql, line ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert databases(scratch) == before
