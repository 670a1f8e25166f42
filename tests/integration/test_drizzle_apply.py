"""Applying to a real server: what Drizzle writes, under a lock, and nothing when anything is not as planned."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.drizzle.applying import Connection, StatementFailed, TransactionEnded, apply
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.gate.errors import Refused
from tasks.gate.plan import Folder

BREAK = "--> statement-breakpoint\n"
STAMP = 1_750_000_000_000


@pytest.fixture
def connection(production: SecretStr) -> Iterator[Connection]:
    with postgres.connect(production, purpose="tests") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drizzle"


def journal(folder: Path, **files: str) -> Folder:
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (tag, text) in enumerate(files.items()):
        (folder / f"{tag}.sql").write_text(text)
        entries.append({"idx": number, "version": "7", "when": STAMP + number * 1000, "tag": tag, "breakpoints": True})
    (folder / "meta/_journal.json").write_text(
        json.dumps({"version": "7", "dialect": "postgresql", "entries": entries})
    )
    return read_folder(folder)


def run(connection: Connection, folder: Folder, *, skip: int = 0, **options: object) -> None:
    apply(
        connection,
        generation=folder.generation,
        schema="drizzle",
        table="__drizzle_migrations",
        pending=folder.migrations[skip:],
        **options,
    )


def rows(connection: Connection) -> list[tuple[str, int | None]]:
    return [(r.hash, r.created_at) for r in read_ledger(connection, "drizzle", "__drizzle_migrations").rows]


def test_a_journal_is_applied_with_its_rows(connection: Connection, folder: Path) -> None:
    found = journal(folder, **{"0000_a": f"create table a (id int);\n{BREAK}create table b (id int);"})
    run(connection, found)
    assert rows(connection) == [(found.migrations[0].hash, STAMP)]
    assert connection.execute("select count(*) from a, b").fetchone() == (0,)


def test_a_failure_rolls_everything_of_the_run_back_and_names_the_line(connection: Connection, folder: Path) -> None:
    found = journal(
        folder,
        **{
            "0000_a": "create table a (id int);",
            "0001_b": f"create table b (id int);\n{BREAK}\ninsert into nowhere\n values (1);",
        },
    )
    with pytest.raises(StatementFailed) as caught:
        run(connection, found)
    assert caught.value.message == (
        '0001_b.sql, statement 2 (line 4): relation "nowhere" does not exist (42P01)'
    )
    assert (caught.value.tag, caught.value.sqlstate) == ("0001_b", "42P01")
    assert rows(connection) == []
    assert connection.execute("select to_regclass('a')").fetchone() == (None,)


@pytest.mark.parametrize("text", ["commit;", "rollback;", "commit; begin;"])
def test_a_migration_that_ends_the_transaction_is_found_out(connection: Connection, folder: Path, text: str) -> None:
    found = journal(folder, **{"0000_a": f"create table a (id int);{BREAK}{text}"})
    with pytest.raises(TransactionEnded, match="ended the transaction that all migrations of this run share"):
        run(connection, found)
    assert rows(connection) == []


def test_what_was_applied_meanwhile_is_not_applied_again(connection: Connection, folder: Path) -> None:
    found = journal(folder, **{"0000_a": "create table if not exists a (id int);"})
    run(connection, found)
    with pytest.raises(Refused, match="0000_a is no longer pending"):
        run(connection, found)
    assert len(rows(connection)) == 1
