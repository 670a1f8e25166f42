"""The plan on a real server: states, SQL, rollbacks, the ledger that stands elsewhere; it writes nothing."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings, load
from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.postgres import Connection
from tasks.doctor_bench import bench_for
from tasks.doctor_servers import ledger
from tasks.drizzle.applying import CREATE_TABLE, apply
from tasks.drizzle.folder import read_folder
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Plan, State
from tasks.make_plan import make_plan

BREAK = "--> statement-breakpoint\n"
WHEN = 1_750_000_000_000


@pytest.fixture
def connection(production: SecretStr) -> Iterator[Connection]:
    with postgres.connect(production, purpose="tests") as opened:
        yield opened


class Project:
    """A folder of migrations and the production that it is for."""

    def __init__(self, folder: Path, url: SecretStr) -> None:
        self.folder, self.url = folder, url
        self.texts: list[str] = []

    def add(self, *texts: str) -> None:
        self.texts += texts
        (self.folder / "meta").mkdir(parents=True, exist_ok=True)
        entries = [{"idx": n, "when": WHEN + n * 1000, "tag": f"{n:04}_m"} for n in range(len(self.texts))]
        for entry, text in zip(entries, self.texts, strict=True):
            (self.folder / f"{entry['tag']}.sql").write_text(text)
        journal = {"version": "7", "dialect": "postgresql", "entries": entries}
        (self.folder / "meta/_journal.json").write_text(json.dumps(journal))

    def plan(self, **variables: str) -> Plan:
        settings, policy = load(
            {
                "GATE_PRODUCTION_URL": self.url.get_secret_value(),
                "GATE_MIGRATIONS": str(self.folder),
                "GATE_TARGET": "shop",
                **{f"GATE_{name}": value for name, value in variables.items()},
            }
        )
        with postgres.connect(self.url, purpose="plan", read_only=True) as connection:
            identity = postgres.identity(connection)
            return make_plan(settings, policy, connection=connection, identity=identity, tools={"gate": "1"})

    def apply(self, schema: str = "drizzle", table: str = "__drizzle_migrations") -> None:
        with postgres.connect(self.url, purpose="tests") as connection:
            apply(
                connection,
                generation=0,
                schema=schema,
                table=table,
                pending=read_folder(self.folder).migrations,
            )


@pytest.fixture
def project(tmp_path: Path, production: SecretStr) -> Project:
    return Project(tmp_path / "drizzle", production)


def test_an_empty_production_has_everything_pending_and_stays_empty(project: Project, connection: Connection) -> None:
    project.add("create table a (id int);", "alter table a add column note text;")
    plan = project.plan()
    assert (plan.verdict, [m.tag for m in plan.pending]) == ("ready", ["0000_m", "0001_m"])
    assert (plan.target, plan.tool, plan.generation, plan.tools) == ("shop", "drizzle", 0, {"gate": "1"})
    assert connection.execute("select count(*) from pg_namespace where nspname = 'drizzle'").fetchone() == (0,)


def test_what_was_applied_is_not_pending_and_only_the_rest_is_read(project: Project) -> None:
    project.add("create table if not exists a (id int);")
    project.apply()
    assert project.plan().verdict == "nothing-pending"
    project.add("drop table if exists a;")
    plan = project.plan()
    assert [line.state for line in plan.migrations] == [State.APPLIED, State.PENDING]
    assert plan.hazards == ("0001_m.sql, line 1: drops table a; its rows are gone",)
    (effect,) = plan.effects
    assert (effect.kind, effect.tag, effect.loses, effect.transaction) == ("DROP TABLE", "0001_m", "yes", "yes")


def test_problems_of_the_ledger_and_of_the_sql_are_all_listed(project: Project) -> None:
    project.add("create table a (id int);")
    project.apply()
    project.add(f"drop database d;\n{BREAK}rollback;", "selec 1")
    (project.folder / "0000_m.sql").write_text("create table a (id bigint);")
    plan = project.plan()
    assert plan.verdict == "refused"
    assert [(p.tag, p.kind) for p in plan.problems] == [
        ("0000_m", "edited"),
        ("0001_m", "no-transaction"),
        ("0001_m", "transaction-control"),
        ("0002_m", "syntax"),
    ]
    assert all(p.cause and p.remedy for p in plan.problems)


def test_rollback_files_belong_to_the_plan_and_to_its_digest(project: Project) -> None:
    project.add("create table a (id int);")
    (project.folder / "rollback").mkdir()
    without = project.plan()
    file = project.folder / "rollback/0000_m.sql"
    file.write_text("drop table a;")
    found = project.plan()
    assert [(r.tag, r.file, r.text) for r in found.rollbacks] == [("0000_m", "0000_m.sql", "drop table a;")]
    file.write_text("drop table a; ")
    assert len({without.digest, found.digest, project.plan().digest}) == 3


def test_a_rollback_file_is_held_to_the_same_rules(project: Project) -> None:
    project.add("create table a (id int);")
    (project.folder / "rollback").mkdir()
    file = project.folder / "rollback/0000_m.sql"
    file.write_text("begin; drop table a; rollback;")
    assert [p.kind for p in project.plan().problems] == ["transaction-control", "transaction-control"]
    file.write_text("begin; drop table a; commit;")
    assert project.plan().problems == ()


def test_a_rollback_folder_that_was_named_must_exist(project: Project, tmp_path: Path) -> None:
    project.add("create table a (id int);")
    with pytest.raises(ConfigurationError, match=r"GATE_ROLLBACKS names .*/nowhere, which is no folder"):
        project.plan(ROLLBACKS=str(tmp_path / "nowhere"))


def test_the_digest_is_the_same_twice_and_another_after_any_change(project: Project) -> None:
    project.add("create table a (id int);", "create table b (id int);")
    first = project.plan()
    assert first.digest == project.plan().digest
    (project.folder / "0001_m.sql").write_text("create table b (id int); ")
    assert project.plan().digest != first.digest


def test_a_ledger_under_another_name_is_found_by_its_hashes_when_nobody_named_one(project: Project) -> None:
    project.add("create table a (id int);", "create table b (id int);")
    project.apply("public", "migrations")
    plan = project.plan()
    assert (plan.verdict, plan.ledger_schema, plan.ledger_table) == ("nothing-pending", "public", "migrations")
    (hazard,) = plan.hazards
    assert hazard == (
        "the ledger is public.migrations, found in the database: drizzle.__drizzle_migrations does not exist, and 2 of"
        " 2 rows there are of this folder; say so with GATE_MIGRATIONS_SCHEMA=public and"
        " GATE_MIGRATIONS_TABLE=migrations"
    )
    assert project.plan(MIGRATIONS_SCHEMA="public", MIGRATIONS_TABLE="migrations").hazards == ()


def test_the_doctor_says_which_ledger_is_in_use(project: Project) -> None:
    project.add("create table a (id int);")
    settings = Settings(migrations=project.folder, production_url=project.url)
    with bench_for(settings, Policy()) as bench:
        assert "every migration would be pending" in ledger(bench).sentence
        project.apply("public", "migrations")
        assert ledger(bench).sentence == (
            "drizzle.__drizzle_migrations does not exist on production, and public.migrations holds 1 row of this"
            " folder: it is used"
        )
        assert ledger(bench).hint == "set GATE_MIGRATIONS_SCHEMA=public and GATE_MIGRATIONS_TABLE=migrations"


def test_a_ledger_that_was_named_is_not_replaced_by_one_that_was_found(project: Project) -> None:
    project.add("create table a (id int);")
    project.apply("public", "migrations")
    (problem,) = project.plan(MIGRATIONS_TABLE="migrationen").problems
    assert problem.kind == "other-ledger"
    assert problem.cause == (
        "the ledger drizzle.migrationen does not exist, but public.migrations does: 1 of its 1 rows are of"
        " this folder; from an empty ledger everything would run again"
    )
    assert problem.remedy == "set GATE_MIGRATIONS_SCHEMA=public and GATE_MIGRATIONS_TABLE=migrations"


def test_two_ledgers_with_rows_of_this_folder_are_asked_about_until_one_is_named(
    project: Project, connection: Connection
) -> None:
    project.add("create table a (id int);")
    project.apply("public", "migrations")
    connection.execute("drop table a")
    project.apply()
    (problem,) = project.plan().problems
    assert problem.kind == "two-ledgers"
    assert "drizzle.__drizzle_migrations (1 rows) and public.migrations (1 of 1 rows)" in problem.cause
    assert project.plan(MIGRATIONS_SCHEMA="drizzle").verdict == "nothing-pending"


def test_an_empty_ledger_does_not_hide_the_one_that_is_in_use(project: Project, connection: Connection) -> None:
    project.add("create table a (id int);")
    project.apply("public", "migrations")
    connection.execute("create schema drizzle")
    connection.execute(CREATE_TABLE[0].format(ledger="drizzle.__drizzle_migrations"))
    assert "drizzle.__drizzle_migrations has no rows, but public.migrations does" in project.plan().problems[0].cause


def test_the_ledger_of_another_project_can_be_told_to_be_one(project: Project, connection: Connection) -> None:
    project.add("create table other (id int);")
    project.apply("public", "__drizzle_migrations")
    project.texts.clear()
    project.add("create table ours (id int);")
    (problem,) = project.plan().problems
    assert "public.__drizzle_migrations does: it looks like Drizzle's" in problem.cause
    assert "if it belongs to another project, create drizzle.__drizzle_migrations empty" in problem.remedy
    connection.execute("create schema drizzle")
    connection.execute(CREATE_TABLE[0].format(ledger="drizzle.__drizzle_migrations"))
    assert project.plan().verdict == "ready"


def test_a_table_that_is_not_drizzles_is_refused(project: Project, connection: Connection) -> None:
    project.add("create table a (id int);")
    connection.execute("create table migrations (version text)")
    with pytest.raises(Refused, match=r"public\.migrations has no column id and hash and created_at"):
        project.plan(MIGRATIONS_SCHEMA="public", MIGRATIONS_TABLE="migrations")
    connection.execute("create table dated (id int, hash text, created_at timestamptz)")
    with pytest.raises(Refused, match=r"public\.dated has a column created_at that holds no numbers"):
        project.plan(MIGRATIONS_SCHEMA="public", MIGRATIONS_TABLE="dated")
    connection.execute("create view looks as select 1 as id, 'x' as hash, 1 as created_at")
    with pytest.raises(Refused, match=r"public\.looks is not a table"):
        project.plan(MIGRATIONS_SCHEMA="public", MIGRATIONS_TABLE="looks")


def test_a_locked_ledger_is_said_to_be_one(project: Project, connection: Connection, production: SecretStr) -> None:
    project.add("create table a (id int);")
    project.apply()
    connection.execute("begin")
    connection.execute("lock table drizzle.__drizzle_migrations in access exclusive mode")
    with postgres.connect(production, purpose="plan", read_only=True, lock_timeout_ms=100) as reader:
        settings, policy = load({"GATE_MIGRATIONS": str(project.folder)})
        with pytest.raises(Refused, match="is locked by another session, as a running migration does it"):
            make_plan(settings, policy, connection=reader, identity=postgres.identity(reader), tools={})
    connection.execute("rollback")


def test_a_numeric_time_as_one_of_drizzles_drivers_writes_it_is_read(project: Project, connection: Connection) -> None:
    project.add("create table a (id int);")
    project.apply()
    connection.execute("alter table drizzle.__drizzle_migrations alter column created_at type numeric")
    assert project.plan().verdict == "nothing-pending"


def test_an_unsorted_journal_is_pointed_out(project: Project) -> None:
    project.add("create table a (id int);", "create table b (id int);")
    file = project.folder / "meta/_journal.json"
    journal = json.loads(file.read_text())
    journal["entries"].reverse()
    file.write_text(json.dumps(journal))
    plan = project.plan()
    assert (plan.verdict, [m.tag for m in plan.pending]) == ("ready", ["0001_m", "0000_m"])
    (hazard,) = plan.hazards
    assert hazard == (
        "0000_m comes after 0001_m in the journal but is older: it runs now, but a database that has 0001_m already"
        " would silently skip it"
    )


def test_planning_three_hundred_migrations_is_quick(project: Project) -> None:
    project.add(*(f"create table t{n} (id int);\n{BREAK}create index on t{n} (id);" for n in range(300)))
    project.plan()  # imports the parser
    started = time.perf_counter()
    assert len(project.plan().pending) == 300
    assert time.perf_counter() - started < 2  # 0.06 s alone; other tests run beside this one


def test_a_plan_can_be_made_by_a_role_that_may_only_read(project: Project) -> None:
    project.add("create table a (id int);")
    with postgres.connect(project.url, purpose="plan", read_only=True) as connection:
        assert project.plan().verdict == "ready"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table x (id int)")


def test_what_a_session_begins_with_in_production_is_part_of_the_plan_and_of_what_is_approved(
    project: Project, connection: Connection
) -> None:
    project.add("create table a (id int);")
    plain = project.plan()
    assert plain.session_settings == {}
    with as_role(connection, project.url) as (role, url):
        project.url = url
        database = f'"{connection.info.dbname}"'
        connection.execute(f"alter database {database} set search_path = app, public".encode())
        connection.execute(f"alter database {database} set work_mem = '7MB'".encode())
        connection.execute(f"alter role {role} set TimeZone = 'Europe/Berlin'".encode())
        connection.execute(f"alter role {role} in database {database} set IntervalStyle = 'iso_8601'".encode())
        plan = project.plan()
        assert plan.session_settings == {
            "IntervalStyle": "iso_8601",
            "TimeZone": "Europe/Berlin",
            "search_path": "app, public",
        }
        assert plan.digest != plain.digest
        connection.execute(f"""alter role {role} in database {database} set search_path = "$user", app""".encode())
        assert project.plan().session_settings["search_path"] == f'"{role}", "app"'


def test_a_schema_called_like_the_role_is_where_tables_land_although_nobody_set_a_path(
    project: Project, connection: Connection
) -> None:
    project.add("create table a (id int);")
    with as_role(connection, project.url) as (role, url):
        project.url = url
        assert project.plan().session_settings == {}
        connection.execute(f"create schema {role} authorization {role}".encode())
        assert project.plan().session_settings == {"search_path": f'"{role}", "public"'}


@contextmanager
def as_role(connection: Connection, production: SecretStr) -> Iterator[tuple[str, SecretStr]]:
    """A role that may look at production, gone at the end."""
    role = f"migrator_{connection.info.backend_pid}"
    connection.execute(f"create role {role} login superuser password 'plain'".encode())
    try:
        yield role, make_url({**parameters(production), "user": role, "password": "plain"})
    finally:
        connection.execute(f"drop owned by {role}; drop role {role}".encode())


def test_a_server_elsewhere_is_not_as_usual_and_one_in_utc_is(project: Project, connection: Connection) -> None:
    project.add("create table a (id int);")
    database = f'"{connection.info.dbname}"'
    for zone, expected in (("Etc/UTC", {}), ("UTC", {}), ("Europe/London", {"TimeZone": "Europe/London"})):
        connection.execute(f"alter database {database} set TimeZone = '{zone}'".encode())
        assert project.plan().session_settings == expected
