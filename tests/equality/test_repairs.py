"""After each repair Drizzle finds nothing to do, or exactly what it should; an upgrade leaves what its own leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.stores import open_store
from tasks.gate.plan import Plan
from tasks.occasion import Occasion
from tasks.plan_repair import plan_repair
from tasks.tool import run
from tests.equality.bench import Bench
from tests.equality.compare import compare
from tests.equality.node import Drizzle
from tests.equality.sample import FIRST_WHEN, Sample, Step
from tests.equality.test_equality import drizzle0, drizzle1

__all__ = ["drizzle0", "drizzle1"]  # fixtures

LEDGER = "drizzle.__drizzle_migrations"
ROWS = f"select hash, created_at from {LEDGER} order by id"
A, B, C = (Step(f"000{n}_{c}", f"create table {c} (id int);", when=FIRST_WHEN + n * 1000) for n, c in enumerate("abc"))
UP = [Step(f"2025061515064{n}_{c}", f"create table {c} (id int);") for n, c in enumerate("abc")]
EVERY = pytest.mark.long("EVERY_REPAIR", "make repairs")


@dataclass
class Stage:
    """A database, a room for folders, and both generations of Drizzle."""

    url: SecretStr
    room: Path
    benches: tuple[Bench, Bench]

    def folder(self, generation: int, *steps: Step) -> Path:
        """A folder of migrations."""
        return Sample("repairs", generation, steps).write(self.room / str(len(list(self.room.iterdir()))))

    def migrate(self, folder: Path, generation: int = 0) -> None:
        """By Drizzle itself."""
        assert self.benches[generation].by_drizzle(folder, self.url).code == ""

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """As the owner."""
        with postgres.connect(self.url, purpose="tests") as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def repair(self, folder: Path, subject: str) -> Plan:
        """Planned and run as `gate repair` does it, without the steps around it."""
        settings, store = Settings(migrations=folder), open_store((self.room / "store").as_uri())
        with postgres.connect(self.url, purpose="tests") as connection:
            asked = Occasion(settings, Policy(), store, connection, postgres.identity(connection), {}, subject)
            plan = plan_repair(asked)
            assert plan.problems == ()
            run(connection, plan)
        return plan

    def is_done(self, folder: Path, generation: int = 0) -> bool:
        """Neither tool finds anything to do."""
        before = self.sql(f"select * from {LEDGER} order by id")
        self.migrate(folder, generation)
        same = self.sql(f"select * from {LEDGER} order by id") == before
        return same and self.benches[generation].pending(folder, self.url) == []


@contextmanager
def staged(server: EmbeddedServer, tools: tuple[Drizzle, Drizzle], room: Path) -> Iterator[Stage]:
    benches = Bench(server, tools[0]), Bench(server, tools[1])
    with benches[0].database() as url:
        yield Stage(url, room, benches)


@pytest.fixture
def stage(production_server: EmbeddedServer, drizzle0: Drizzle, drizzle1: Drizzle, tmp_path: Path) -> Iterator[Stage]:
    with staged(production_server, (drizzle0, drizzle1), tmp_path) as made:
        yield made


def test_a_skipped_migration_that_was_run_is_applied_for_drizzle_and_what_is_new_still_runs(stage: Stage) -> None:
    stage.migrate(stage.folder(0, A, C))
    whole = stage.folder(0, A, B, C)
    stage.repair(whole, "run 0001_b")
    assert stage.sql("select to_regclass('b') is not null") == [(True,)]
    assert stage.is_done(whole)
    stage.migrate(stage.folder(0, A, B, C, Step("0003_d", "create table d (id int);", when=FIRST_WHEN + 9000)))
    assert stage.sql("select to_regclass('d') is not null") == [(True,)]


def test_an_upgrade_leaves_what_drizzles_own_upgrade_leaves(
    stage: Stage, production_server: EmbeddedServer, drizzle0: Drizzle, drizzle1: Drizzle
) -> None:
    with staged(production_server, (drizzle0, drizzle1), stage.room) as other:
        for place in (stage, other):
            place.migrate(place.folder(0, A, C))
        folder = stage.folder(1, *UP)
        plan = stage.repair(folder, "upgrade")
        assert any(f"{UP[1].tag} is pending afterwards" in hazard for hazard in plan.hazards)
        other.migrate(stage.folder(1, UP[0], UP[2]), 1)
        every = f"select id, hash, created_at, name, applied_at from {LEDGER} order by id"
        assert stage.sql(every) == other.sql(every)
        assert [row[3] for row in stage.sql(every)] == [UP[0].tag, UP[2].tag]
        assert stage.benches[1].picture(stage.url) == other.benches[1].picture(other.url)
        assert stage.benches[1].pending(folder, stage.url) == [UP[1].tag]
        stage.migrate(folder, 1)
        assert stage.is_done(folder, 1)


@EVERY
def test_what_is_marked_as_applied_is_not_run(stage: Stage) -> None:
    stage.migrate(stage.folder(0, A))
    stage.sql("create table b (id int)")
    folder = stage.folder(0, A, B)
    stage.repair(folder, "mark 0001_b")
    assert stage.is_done(folder)


@EVERY
def test_an_edited_file_that_is_marked_is_what_ran(stage: Stage) -> None:
    stage.migrate(stage.folder(0, A, B))
    folder = stage.folder(0, A, Step("0001_b", "create table b (id int); -- with a word about it", when=B.when))
    stage.repair(folder, "mark 0001_b")
    assert stage.is_done(folder)


@EVERY
@pytest.mark.parametrize("generation", [0, 1])
def test_a_database_without_history_gets_the_rows_that_drizzle_would_have_written(
    stage: Stage, generation: int
) -> None:
    folder = stage.folder(generation, *((A, B), UP[:2])[generation])
    stage.migrate(folder, generation)
    rows = stage.sql(f"select * from {LEDGER} order by id")
    stage.sql("drop schema drizzle cascade")
    stage.repair(folder, "baseline")
    assert [row[:4] for row in stage.sql(f"select * from {LEDGER} order by id")] == [row[:4] for row in rows]
    assert stage.is_done(folder, generation)


@EVERY
def test_a_baseline_up_to_a_migration_leaves_the_rest_to_be_run(stage: Stage) -> None:
    stage.sql("create table a (id int)")
    folder = stage.folder(0, A, B)
    stage.repair(folder, "baseline 0000_a")
    assert stage.benches[0].pending(folder, stage.url) == ["0001_b"]
    stage.migrate(folder)
    assert stage.is_done(folder)


@EVERY
def test_entries_that_exchanged_their_times_are_restamped_together(stage: Stage) -> None:
    stage.migrate(stage.folder(0, A, B))
    folder = stage.folder(0, Step(A.tag, A.text, when=B.when), Step(B.tag, B.text, when=A.when))
    stage.repair(folder, "restamp")
    assert stage.is_done(folder)


@EVERY
def test_a_row_without_a_time_is_given_its_own(stage: Stage) -> None:
    folder = stage.folder(0, A, B)
    stage.migrate(folder)
    before = stage.sql(ROWS)
    stage.sql(f"update {LEDGER} set created_at = null where id = 1")
    stage.repair(folder, "restamp 0000_a")
    assert stage.sql(ROWS) == before
    assert stage.is_done(folder)


@EVERY
def test_a_renamed_folder_is_the_one_that_ran(stage: Stage) -> None:
    stage.migrate(stage.folder(1, *UP), 1)
    folder = stage.folder(1, *UP[:2], Step("20250615150642_better_name", UP[2].text))
    stage.repair(folder, "rename 20250615150642_better_name")
    assert stage.is_done(folder, 1)


@EVERY
def test_a_row_that_0_x_wrote_into_a_table_of_1_0_is_named(stage: Stage) -> None:
    stage.migrate(stage.folder(1, UP[0]), 1)
    stage.migrate(stage.folder(0, A, B))
    folder = stage.folder(1, *UP[:2])
    stage.repair(folder, f"name {UP[1].tag}")
    assert stage.is_done(folder, 1)


@EVERY
def test_a_foreign_row_and_a_second_one_are_removed(stage: Stage) -> None:
    folder = stage.folder(0, A, B)
    stage.migrate(folder)
    before = stage.sql(ROWS)
    stage.sql(f"insert into {LEDGER} (hash, created_at) values ('hotfix', 99), ('x', 1900000000000)")
    stage.sql(f"insert into {LEDGER} (hash, created_at) select hash, created_at from {LEDGER} where id = 2")
    for row in ("3", "4", "5"):
        stage.repair(folder, f"forget {row}")
    assert stage.sql(ROWS) == before
    assert stage.is_done(folder)


SCHEMA = """
import { pgTable, pgEnum, serial, text, integer, index } from "drizzle-orm/pg-core";
export const mood = pgEnum("mood", ["sad", "ok"%s]);
export const users = pgTable("users", { id: serial("id").primaryKey(), email: text("email").notNull()%s });
%s
"""
ORDERS = """export const orders = pgTable("orders", {
  id: serial("id").primaryKey(), user: integer("user_id").references(() => users.id), mood: mood("mood").default("ok"),
}, (table) => [index("orders_user").on(table.user)]);"""
GROWING = (
    SCHEMA % ("", "", ""),
    SCHEMA % ("", ', name: text("name").default("")', ORDERS),
    SCHEMA % (', "happy"', ', name: text("name").default("")', ORDERS),
)


@EVERY
def test_a_project_that_drizzle_kit_made_is_moved_to_1_0_and_goes_on(stage: Stage) -> None:
    old, new = stage.benches[0].drizzle, stage.benches[1].drizzle
    folder = stage.room / "project"
    for number, schema in enumerate(GROWING):
        made = old.generate(folder, schema, f"step_{number}")
        assert made.code == 0, made.out
    assert compare(stage.benches[0], folder, kit=True).verdict == "same"
    stage.migrate(folder)
    moved = new.up(folder)
    assert moved.code == 0, moved.out
    assert "has the shape of Drizzle 0.x" in stage.benches[1].pending(folder, stage.url)[0]
    stage.repair(folder, "upgrade")
    assert stage.is_done(folder, 1)
    made = new.generate(folder, GROWING[-1].replace("orders_user", "orders_by_user"), "later")
    assert made.code == 0, made.out
    assert stage.benches[1].by_gate(folder, stage.url).code == ""
    assert stage.is_done(folder, 1)
    assert compare(stage.benches[1], folder).verdict == "same"
