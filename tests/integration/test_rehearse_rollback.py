"""The way back is tried before it is trusted, and what `roll_back` does in production is the very same code."""

from collections.abc import Iterator

import pytest

from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.roll_back import RollbackFailed, RollbackUnknown, roll_back
from tests.integration.rehearsing import Copy, apply_by_hand, restored_copy


@pytest.fixture(scope="module")
def scratch(scratch_programs: Programs) -> Iterator[ScratchServer]:
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        yield server


@pytest.fixture(scope="module")
def shop(scratch: ScratchServer, scratch_programs: Programs) -> Iterator[Copy]:
    """One restored database for every test that only rehearses on it: a rehearsal leaves it as it is."""
    with restored_copy(scratch, scratch_programs) as restored:
        yield restored


@pytest.fixture
def copy(scratch: ScratchServer, scratch_programs: Programs) -> Iterator[Copy]:
    with restored_copy(scratch, scratch_programs) as restored:
        yield restored


UP = "create table carts (id serial primary key); create index carts_id on carts (id); alter table orders add paid int"
DOWN = "alter table orders drop column paid; drop table carts"
LEDGER = "select hash from drizzle.__drizzle_migrations order by id"


def test_a_rollback_that_brings_everything_back_holds_and_says_so(shop):
    found = shop.rehearse(
        UP, "create index o on orders (note)", rollbacks={"0001": DOWN, "0002": "drop index o"}
    ).rollback
    assert found.holds
    assert found.differences == ()
    assert found.sentence.startswith("the rollback SQL took everything back in ")
    assert found.sentence.endswith("schema, data and ledger are as before, and the plan ran once more after it")


def test_a_rollback_that_forgets_an_index_does_not_hold_and_the_index_is_named(shop):
    found = shop.rehearse("create index o on orders (note)", rollbacks={"0001": "select 1"}).rollback
    assert not found.holds
    assert (found.ran, found.schema_equal, found.data_equal, found.ledger_equal) == (True, False, True, True)
    assert "+CREATE INDEX o ON public.orders USING btree (note);" in found.differences
    assert found.differences[-1].endswith('relation "o" already exists (42P07)')
    assert found.sentence == "the rollback SQL ran, but does not bring everything back: the schema differs"


def test_a_column_that_comes_back_empty_is_told_as_lost_data(shop):
    found = shop.rehearse(
        "alter table customers drop column phone", rollbacks={"0001": "alter table customers add column phone text"}
    ).rollback
    assert (found.schema_equal, found.data_equal) == (True, False)
    assert found.differences == ("table public.customers: 100 rows as expected, but their content differs",)
    assert found.sentence == "the rollback SQL ran, but does not bring everything back: the data differs"


def test_a_column_that_comes_back_in_another_place_is_shown_as_the_difference_that_it_is(shop):
    found = shop.rehearse(
        "alter table customers drop column name",
        rollbacks={"0001": "alter table customers add column name text; update customers set name = 'c' || id"},
    ).rollback
    assert not found.schema_equal
    assert {"-    name text NOT NULL,", "+    name text"} <= set(found.differences)


def test_a_forgotten_grant_is_a_difference_of_the_schema(shop):
    found = shop.rehearse("grant select on orders to pg_monitor", rollbacks={"0001": "select 1"}).rollback
    assert (found.schema_equal, found.data_equal) == (False, True)
    assert found.differences[0].startswith("grants on relation public.orders")


def test_sequences_that_moved_on_are_allowed_and_said(shop):
    found = shop.rehearse(
        "insert into customers (name) values ('new')", rollbacks={"0001": "delete from customers where name = 'new'"}
    ).rollback
    assert found.holds
    assert found.sentence.endswith("; public.customers_id_seq stayed ahead, which harms nothing")


def test_missing_rollback_sql_is_named(shop):
    found = shop.rehearse("select 1", "select 2", rollbacks={"0001": "select 1"}).rollback
    assert (found.available, found.ran, found.holds) == (False, False, False)
    assert found.sentence == "no rollback SQL for 0002: the way back is the restore of the backup"


def test_a_rollback_that_fails_is_named_with_file_and_line(shop):
    found = shop.rehearse("select 1", rollbacks={"0001": "select 1;\ndrop table nowhere"}).rollback
    assert (found.available, found.ran) == (True, False)
    assert found.sentence.startswith("the rollback SQL cannot be used: rollback/0001.sql")
    assert found.sentence.endswith('table "nowhere" does not exist')


def test_a_rollback_that_ends_the_transaction_is_refused_before_anything_runs(shop):
    found = shop.rehearse(UP, rollbacks={"0001": f"begin;\n{DOWN};\ncommit;"}).rollback
    assert not found.ran
    assert "begins or ends a transaction, but all rollbacks of a release share one" in found.sentence


def test_a_ledger_that_did_not_exist_before_the_plan_is_no_difference(copy):
    copy.sql("drop schema drizzle cascade")
    assert copy.rehearse(UP, rollbacks={"0001": DOWN}).rollback.holds


def test_the_second_generation_comes_back_too(copy):
    copy.sql(
        "alter table drizzle.__drizzle_migrations add name text, add applied_at timestamptz default now();"
        "update drizzle.__drizzle_migrations set name = 'first'"
    )
    plan = copy.plan(("20260101000000_a", UP), rollbacks={"20260101000000_a": DOWN}, generation=1)
    assert copy.of(plan).rollback.holds


def test_rolling_back_removes_exactly_the_plans_rows(copy):
    plan = copy.plan(("0001", UP), ("0002", "select 2"), rollbacks={"0001": DOWN, "0002": "select 2"})
    with copy.session() as connection:
        apply_by_hand(connection, plan)
        roll_back(connection, plan)
    assert copy.ask(LEDGER) == [("first",)]
    assert copy.ask("select to_regclass('carts')") == [(None,)]


def test_nothing_is_rolled_back_when_somebody_migrated_since(copy):
    plan = copy.plan(("0001", UP), rollbacks={"0001": DOWN})
    with copy.session() as connection:
        apply_by_hand(connection, plan)
        connection.execute("insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999)")
        with pytest.raises(RollbackFailed, match=r"the newest 1 rows of .* are not those of this plan"):
            roll_back(connection, plan)
    assert copy.ask("select count(*) from carts") == [(0,)]
    assert len(copy.ask(LEDGER)) == 3


def test_rolling_back_twice_is_refused(copy):
    plan = copy.plan(("0001", UP), rollbacks={"0001": DOWN})
    with copy.session() as connection:
        apply_by_hand(connection, plan)
        roll_back(connection, plan)
        with pytest.raises(RollbackFailed, match="not those of this plan"):
            roll_back(connection, plan)


def test_rollback_sql_may_forget_its_own_ledger_row_but_no_other(copy):
    own = f"{DOWN}; delete from drizzle.__drizzle_migrations where created_at = 2000"
    plan = copy.plan(("0001", UP), rollbacks={"0001": own})
    greedy = copy.plan(("0001", UP), rollbacks={"0001": f"{DOWN}; delete from drizzle.__drizzle_migrations"})
    with copy.session() as connection:
        apply_by_hand(connection, plan)
        with pytest.raises(RollbackFailed, match="the rollback SQL changed other rows"):
            roll_back(connection, greedy)
        roll_back(connection, plan)
    assert copy.ask(LEDGER) == [("first",)]


def test_a_lock_that_is_not_free_ends_the_attempt_with_its_code_and_changes_nothing(copy):
    plan = copy.plan(("0001", UP), rollbacks={"0001": DOWN})
    with copy.session() as connection, copy.session() as reader:
        apply_by_hand(connection, plan)
        reader.execute("begin; select * from orders limit 1")
        with pytest.raises(RollbackFailed) as failed:
            roll_back(connection, plan, lock_timeout_ms=100)
        reader.execute("rollback")
    assert failed.value.nouns["sqlstate"] == "55P03"
    assert copy.ask("select count(*) from carts") == [(0,)]


def test_a_rollback_watched_by_an_observer_tells_each_text_newest_first(copy):
    class Seen:
        def __init__(self):
            self.heard = []

        def before(self, connection, tag, index, sql):
            self.heard.append(f"before {tag}")

        def after(self, connection, tag, index, sql, seconds):
            self.heard.append(f"after {tag}")

        def committing(self, connection):
            self.heard.append("committing")

    plan = copy.plan(("0001", "select 1"), ("0002", "select 2"), rollbacks={"0001": "select 1", "0002": "select 2"})
    seen = Seen()
    with copy.session() as connection:
        apply_by_hand(connection, plan)
        roll_back(connection, plan, observer=seen)
    assert seen.heard == ["before 0002", "after 0002", "before 0001", "after 0001", "committing"]


def test_a_connection_lost_at_commit_is_unknown_and_carries_the_transactions_number(copy):
    plan = copy.plan(("0001", UP), rollbacks={"0001": DOWN})

    class Cut:
        def before(self, connection, tag, index, sql): ...

        def after(self, connection, tag, index, sql, seconds): ...

        def committing(self, connection):
            with copy.session() as other:
                other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])

    with copy.session() as connection:
        apply_by_hand(connection, plan)
        with pytest.raises(RollbackUnknown) as unknown:
            roll_back(connection, plan, observer=Cut())
    assert int(unknown.value.nouns["transaction"]) > 0
    assert len(copy.ask(LEDGER)) == 2
