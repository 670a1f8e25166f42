"""Releases that one transaction cannot hold: killed after every statement, and between a statement and its row.

By default one release is killed again and again. `make segment-kills` gives every point a release of its own.
"""

import signal
import time

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients.programs import find
from tasks.clients.schema_text import schema_text
from tests.acceptance.project import Project

LEDGER = ("drizzle", "__drizzle_migrations")
BASE = (
    "CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE customers ADD COLUMN mood mood DEFAULT 'sad';",
    "CREATE TABLE visits (at date NOT NULL, path text) PARTITION BY RANGE (at);",
    "CREATE TABLE visits_old PARTITION OF visits FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');",
    "CREATE TABLE visits_new PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');",
    "CREATE INDEX orders_old ON orders (customer_id, total); CREATE INDEX orders_kept ON orders (customer_id);",
    "INSERT INTO visits SELECT date '2024-06-01' + n, '/' || n FROM generate_series(0, 400) n;",
)
# Every kind of segment; the one with three parts is whole only with its last one.
RELEASE = {
    "index": ("CREATE INDEX CONCURRENTLY orders_total ON orders (total);",),
    "value": ("ALTER TYPE mood ADD VALUE 'happy';",),
    "use_of_it": ("UPDATE customers SET mood = 'happy' WHERE id % 2 = 0;",),
    "parts": (
        "ALTER TABLE orders ADD COLUMN note text;",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_note ON orders (note, id);",
        "UPDATE orders SET total = total - 10;",
    ),
    "own_begin": ("COMMIT; BEGIN; CREATE TABLE notes (id int); INSERT INTO notes VALUES (1); COMMIT;",),
    "drop": ("DROP INDEX CONCURRENTLY orders_old;",),
    "reindex": ("REINDEX INDEX CONCURRENTLY orders_kept;",),
    "detach": ("ALTER TABLE visits DETACH PARTITION visits_old CONCURRENTLY;",),
    "vacuum": ("VACUUM (ANALYZE) orders;",),
}
ALONE = 6  # of its segments run outside a transaction
TRANSACTIONS = 4
POINTS = [
    "segments:created",
    *(f"apply:recorded#{n}" for n in range(1, ALONE + TRANSACTIONS + 1)),
    *(f"apply:before-statement#{n}" for n in range(1, TRANSACTIONS + 2)),
    *(f"apply:after-statement#{n}" for n in range(1, TRANSACTIONS + 2)),
    *(f"apply:{moment}#{n}" for n in range(1, TRANSACTIONS + 1) for moment in ("before-commit", "committed")),
    *(f"alone:{moment}#{n}" for n in range(1, ALONE + 1) for moment in ("started", "ran", "finished")),
    *(f"alone:before-commit#{n}" for n in range(1, ALONE)),
    "apply:applied-recorded",
]
CHAIN = ["alone:started", "alone:ran", "apply:before-commit", "apply:committed", "alone:before-commit", "alone:ran#3"]


def _release(project: Project, names: list[str] | None = None) -> None:
    project.begin()
    project.add("base", BASE)
    for url in (project.production, project.staging):
        project.migrate(url)
    for name in names or list(RELEASE):
        project.add(name, RELEASE[name])
    project.migrate(project.staging)


def _schema(url: SecretStr) -> str:
    return schema_text(url, find(18, None, server=False), exclude_ledger=LEDGER)


def _as_if_never_killed(project: Project) -> None:
    assert _schema(project.production) == _schema(project.staging)
    ledger = "select hash, created_at from drizzle.__drizzle_migrations order by id"
    assert project.sql(project.production, ledger) == project.sql(project.staging, ledger)
    rows = (
        "select (select sum(hashtextextended(c::text, 0)) from customers c),"
        " (select sum(hashtextextended(o::text, 0)) from orders o)"
    )
    assert project.sql(project.production, rows) == project.sql(project.staging, rows)
    unfinished = "select count(*) from gate.statements where finished_at is null or undone_at is not null"
    assert project.sql(project.production, unfinished) == [(0,)]
    invalid = "select indexrelid::regclass from pg_index where not indisvalid"
    assert project.sql(project.production, invalid) == []


def _the_release(project: Project) -> str:
    (release,) = project.gate("status", "--json").document["releases"]
    return str(release["id"])


def test_a_release_in_segments_is_finished_however_often_it_is_killed(project: Project):
    _release(project)
    shown = project.gate("plan")
    assert "not all or nothing, but 10 segments" in shown.out
    assert (
        "outside a transaction: CREATE INDEX CONCURRENTLY orders_total of 0002_index, with the ledger row" in shown.out
    )
    assert project.gate("run", "--yes", GATE_KILL_AT=CHAIN[0]).code == -signal.SIGKILL
    release = _the_release(project)
    for point in CHAIN[1:]:
        killed = project.gate("resume", release, "--yes", GATE_KILL_AT=point)
        assert killed.code == -signal.SIGKILL, f"{point}: {killed.all}"
    resumed = project.gate("resume", release, "--yes", "--json")
    assert (resumed.code, resumed.document["outcome"]) == (0, "released"), resumed.all
    assert "going on where it ended" in resumed.err
    _as_if_never_killed(project)
    assert project.gate("report", release, "--verify").code == 0
    assert project.gate("plan", "--json").document["verdict"] == "nothing-pending"


@pytest.mark.long("SEGMENT_KILLS", "make segment-kills")
@pytest.mark.parametrize("point", POINTS)
def test_a_release_in_segments_killed_anywhere_is_finished_by_one_resume(project: Project, point: str):
    _release(project)
    killed = project.gate("run", "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    resumed = project.gate("resume", _the_release(project), "--yes", "--json")
    assert (resumed.code, resumed.document["outcome"]) == (0, "released"), resumed.all
    _as_if_never_killed(project)


IN_THE_WAY_BACK = ["recover:begin", "recover:rollback", "rollback:committed", "recover:done", "recover:end"]
IN_A_LEFTOVER = ["recover:begin", "recover:leftovers-removed", "recover:transaction", "recover:end"]


def _duplicates(project: Project) -> None:
    """Rows that the rehearsal has not seen: the unique index cannot be built in production."""
    project.sql(project.production, "insert into customers (name) values ('twice'), ('twice')")


def _stopped_before_the_apply(project: Project, *migrations: tuple[str, tuple[str, ...], str]) -> str:
    project.begin()
    for name, statements, rollback in migrations:
        project.add(name, statements, rollback)
    project.migrate(project.staging)
    assert project.gate("run", "--yes", GATE_KILL_AT="check-again:end").code == -signal.SIGKILL
    return _the_release(project)


COLUMN = ("column", ("ALTER TABLE customers ADD COLUMN note text;",), "ALTER TABLE customers DROP COLUMN note;")
UNIQUE = (
    "unique",
    ("CREATE UNIQUE INDEX CONCURRENTLY customers_name ON customers (name);",),
    "DROP INDEX customers_name;",
)


@pytest.mark.long("SEGMENT_KILLS", "make segment-kills")
@pytest.mark.parametrize("point", IN_THE_WAY_BACK)
def test_a_way_back_from_the_middle_that_is_killed_is_finished_by_one_resume(project: Project, point: str):
    release = _stopped_before_the_apply(project, COLUMN, UNIQUE)
    _duplicates(project)
    before = (_schema(project.production), project.ledger(), project.contents())
    killed = project.gate("resume", release, "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert "taken back with the rehearsed rollback SQL" in resumed.document["sentence"]
    assert (_schema(project.production), project.ledger(), project.contents()) == before


@pytest.mark.long("SEGMENT_KILLS", "make segment-kills")
@pytest.mark.parametrize("point", IN_A_LEFTOVER)
def test_an_index_that_fails_first_is_cleared_away_by_one_resume(project: Project, point: str):
    release = _stopped_before_the_apply(project, UNIQUE, COLUMN)
    _duplicates(project)
    before = (_schema(project.production), project.ledger(), project.contents())
    killed = project.gate("resume", release, "--yes", GATE_KILL_AT=point)
    assert killed.code == -signal.SIGKILL, killed.all
    resumed = project.gate("resume", release, "--json")
    assert (resumed.code, resumed.document["outcome"]) == (5, "recovered"), resumed.all
    assert (_schema(project.production), project.ledger(), project.contents()) == before


@pytest.mark.long("SEGMENT_KILLS", "make segment-kills")
@pytest.mark.parametrize("name", ["index", "drop", "reindex", "detach"])
def test_a_gate_that_is_killed_while_the_server_is_at_the_statement_is_finished_by_one_resume(
    project: Project, name: str
):
    """The backend goes on without its client: it is ended, and what it leaves is found."""
    _release(project, [name])
    table = "visits" if name == "detach" else "orders"
    with psycopg.connect(project.production.get_secret_value()) as report:
        report.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # it keeps its snapshot
        report.execute(f"select count(*) from {table}".encode())
        running = project.start("run", "--yes")
        asked = "select count(*) from pg_stat_activity where application_name like 'gate apply%' and state = 'active'"
        until = time.monotonic() + 60
        while project.sql(project.production, f"{asked} and wait_event_type = 'Lock'") == [(0,)]:
            assert time.monotonic() < until, running.poll()
            time.sleep(0.1)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        report.rollback()
    resumed = project.gate("resume", _the_release(project), "--yes", "--json")
    assert (resumed.code, resumed.document["outcome"]) == (0, "released"), resumed.all
    _as_if_never_killed(project)
