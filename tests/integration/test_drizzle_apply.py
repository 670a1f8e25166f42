"""Applying to a real server: what Drizzle writes, under a lock, and nothing when anything is not as planned."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.drizzle.applying import Connection, apply
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.gate.errors import Refused
from tasks.gate.plan import Folder
from tasks.statement_failures import CommitUnknown, StatementFailed, TransactionEnded
from tests.servers.postgres import login_role

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


def run(connection: Connection, folder: Folder, **options: Any) -> None:
    given = {"pending": folder.migrations, **options}
    apply(connection, generation=folder.generation, schema="drizzle", table="__drizzle_migrations", **given)


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
    assert caught.value.message == ('0001_b.sql, statement 2 (line 4): relation "nowhere" does not exist (42P01)')
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


def test_a_ledger_that_is_not_the_planned_one_is_refused_under_the_lock(connection: Connection, folder: Path) -> None:
    found = journal(folder, **{"0000_a": "create table a (id int);"})
    run(connection, found, pending=[])
    head = read_ledger(connection, "drizzle", "__drizzle_migrations").head
    connection.execute("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)")
    with pytest.raises(Refused, match="changed since the plan was made: its rows are not those that the plan saw"):
        run(connection, found, ledger_head=head)
    assert connection.execute("select to_regclass('a')").fetchone() == (None,)
    assert connection.info.transaction_status == TransactionStatus.IDLE


def test_a_table_of_the_other_generation_is_refused(connection: Connection, folder: Path) -> None:
    found = journal(folder, **{"0000_a": "create table a (id int);"})
    run(connection, found, pending=[])
    connection.execute("alter table drizzle.__drizzle_migrations add column name text")
    with pytest.raises(Refused, match="it has the other generation's shape"):
        run(connection, found)


def test_nothing_pending_leaves_an_empty_ledger_as_drizzle_does(connection: Connection, folder: Path) -> None:
    run(connection, journal(folder))
    assert rows(connection) == []
    assert read_ledger(connection, "drizzle", "__drizzle_migrations").exists


def test_a_folder_of_folders_is_applied_with_names_and_one_time(connection: Connection, folder: Path) -> None:
    for name in ("20250601120000_a", "20250602120000_b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "migration.sql").write_text(f'create table "{name}" ()')
    found = read_folder(folder)
    run(connection, found)
    ledger = read_ledger(connection, "drizzle", "__drizzle_migrations")
    assert [(r.name, r.created_at, r.hash) for r in ledger.rows] == [
        (m.tag, m.created_at, m.hash) for m in found.migrations
    ]
    assert connection.execute(
        "select count(distinct applied_at) from drizzle.__drizzle_migrations where applied_at <= now()"
    ).fetchone() == (1,)


class Watcher:
    """Notes what it is told, and what the transaction holds."""

    def __init__(self, at_commit: Callable[[Connection], object] = lambda _: None) -> None:
        self.told: list[object] = []
        self.at_commit = at_commit

    def before(self, connection: Connection, tag: str, index: int, sql: str) -> None:
        self.told.append(("before", tag, index, sql))

    def after(self, connection: Connection, tag: str, index: int, sql: str, seconds: float) -> None:
        assert seconds > 0
        self.told.append(("after", tag, index))

    def committing(self, connection: Connection) -> None:
        self.told.append("committing")
        self.at_commit(connection)


def test_an_observer_hears_of_every_piece_and_of_the_commit(connection: Connection, folder: Path) -> None:
    watcher = Watcher()
    run(connection, journal(folder, **{"0000_a": f"select 1;{BREAK}", "0001_b": "select 2"}), observer=watcher)
    assert watcher.told == [
        ("before", "0000_a", 0, "select 1;"),
        ("after", "0000_a", 0),
        ("before", "0000_a", 1, "\n"),
        ("after", "0000_a", 1),
        ("before", "0001_b", 0, "select 2"),
        ("after", "0001_b", 0),
        "committing",
    ]


def test_what_an_observer_raises_rolls_everything_back(connection: Connection, folder: Path) -> None:
    def stop(_: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(connection, journal(folder, **{"0000_a": "create table a (id int)"}), observer=Watcher(stop))
    assert connection.info.transaction_status == TransactionStatus.IDLE
    assert connection.execute("select to_regclass('a')").fetchone() == (None,)


def test_nobody_can_look_at_the_ledger_while_migrations_run(
    connection: Connection, folder: Path, production: SecretStr
) -> None:
    def look(_: Connection) -> None:
        with postgres.connect(production, purpose="other", lock_timeout_ms=100) as other:
            with pytest.raises(Refused, match="is locked by another session"):
                read_ledger(other, "drizzle", "__drizzle_migrations")
            seen.append(1)

    seen: list[int] = []
    run(connection, journal(folder, **{"0000_a": "select 1"}), observer=Watcher(look))
    assert seen == [1]


def test_a_ledger_that_stays_locked_is_an_error_that_may_be_tried_again(
    connection: Connection, folder: Path, production: SecretStr
) -> None:
    found = journal(folder, **{"0000_a": "select 1"})
    run(connection, found, pending=[])
    with postgres.connect(production, purpose="other") as other:
        other.execute("begin")
        other.execute("select * from drizzle.__drizzle_migrations")
        connection.execute("set lock_timeout = '100ms'")
        with pytest.raises(StatementFailed) as caught:
            run(connection, found)
    assert (caught.value.sqlstate, caught.value.tag) == ("55P03", None)
    assert caught.value.message == (
        "the ledger drizzle.__drizzle_migrations: canceling statement due to lock timeout (55P03)"
    )


def test_values_of_rows_are_not_in_the_message(connection: Connection, folder: Path) -> None:
    text = "create table a (mail text unique); insert into a values ('ada@example.com'), ('ada@example.com')"
    with pytest.raises(StatementFailed) as caught:
        run(connection, journal(folder, **{"0000_a": text}))
    assert "ada" not in str(caught.value) + repr(caught.value.nouns)
    assert caught.value.__suppress_context__


def test_a_constraint_that_fails_at_commit_rolls_everything_back(connection: Connection, folder: Path) -> None:
    text = (
        "create table a (id int primary key, b int references a deferrable initially deferred);"
        " insert into a values (1, 2)"
    )
    with pytest.raises(StatementFailed) as caught:
        run(connection, journal(folder, **{"0000_a": text}))
    assert (caught.value.sqlstate, type(caught.value)) == ("23503", StatementFailed)
    assert caught.value.message.startswith("COMMIT of the migrations: insert or update on table")
    assert rows(connection) == []


def end_session(of: Connection, production: SecretStr) -> None:
    with postgres.connect(production, purpose="other") as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [of.info.backend_pid])


def test_a_connection_that_is_lost_before_the_commit_leaves_nothing(
    connection: Connection, folder: Path, production: SecretStr
) -> None:
    text = f"create table a (id int);{BREAK}select pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(StatementFailed) as caught:
        run(connection, journal(folder, **{"0000_a": text}))
    assert not isinstance(caught.value, CommitUnknown)
    with postgres.connect(production, purpose="other") as other:
        assert rows(other) == []


def test_a_connection_that_is_lost_during_the_commit_is_unknown_and_says_how_to_find_out(
    connection: Connection, folder: Path, production: SecretStr
) -> None:
    watcher = Watcher(lambda opened: end_session(opened, production))
    with pytest.raises(CommitUnknown) as caught:
        run(connection, journal(folder, **{"0000_a": "create table a (id int);"}), observer=watcher)
    assert "gate resume" in caught.value.hint
    with postgres.connect(production, purpose="other") as other:
        status = other.execute("select pg_xact_status(%s::xid8)", [caught.value.nouns["transaction"]]).fetchone()
        assert status == ("aborted",)
        assert rows(other) == []


@pytest.mark.parametrize("text", ["copy a from stdin", "copy a to stdout"])
def test_a_copy_with_the_client_fails_and_leaves_nothing(
    connection: Connection, folder: Path, production: SecretStr, text: str
) -> None:
    with pytest.raises(StatementFailed):
        run(connection, journal(folder, **{"0000_a": f"create table a (id int);{BREAK}{text}"}))
    with postgres.connect(production, purpose="other") as other:
        assert rows(other) == []
        assert other.execute("select to_regclass('a')").fetchone() == (None,)


def test_a_nul_byte_is_refused_before_anything_is_sent(connection: Connection, folder: Path) -> None:
    with pytest.raises(Refused, match=r"0000_a\.sql contains a NUL byte"):
        run(connection, journal(folder, **{"0000_a": "select 1;\0drop table users"}))
    assert not read_ledger(connection, "drizzle", "__drizzle_migrations").schema_exists


def test_a_limit_of_time_stops_a_statement_and_says_so(connection: Connection, folder: Path) -> None:
    connection.execute("set statement_timeout = '100ms'")
    with pytest.raises(StatementFailed) as caught:
        run(connection, journal(folder, **{"0000_a": "select 1;\nselect pg_sleep(30)"}))
    assert caught.value.sqlstate == "57014"


def test_a_role_that_may_only_write_the_ledger_needs_no_right_to_create(
    connection: Connection, folder: Path, production: SecretStr, production_server: EmbeddedServer
) -> None:
    run(connection, journal(folder))
    name = f"writer_{os.getpid()}"
    with login_role(production_server, name, login=False):
        connection.execute(f"grant usage on schema drizzle to {name}")
        connection.execute(f"grant all on drizzle.__drizzle_migrations, drizzle.__drizzle_migrations_id_seq to {name}")
        connection.execute(f"set role {name}")
        run(connection, journal(folder, **{"0000_a": "select 1"}))
        assert len(rows(connection)) == 1
        connection.execute("reset role")
        connection.execute(f"drop owned by {name}")


def test_what_a_migration_sets_lasts_for_the_run_as_with_drizzle(connection: Connection, folder: Path) -> None:
    found = journal(folder, **{"0000_a": "create schema s; set search_path to s", "0001_b": "create table t ()"})
    run(connection, found)
    assert connection.execute("select to_regclass('s.t') is not null").fetchone() == (True,)
