"""The rehearsal says what each statement really locks, rewrites, builds and changes, and what is gone afterwards."""

from collections.abc import Iterator

import pytest

from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_text
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.clients.session_settings import session_settings
from tasks.gate import sql
from tasks.gate.errors import Refused
from tasks.gate.foreseen import disagreements
from tasks.gate.model import sha256
from tasks.gate.rehearsal import RowChanges, worst_lock_sentence
from tasks.gate.statements import effects
from tests.integration.rehearsing import Copy, apply_by_hand, restored_copy

BREAK = "--> statement-breakpoint\n"


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


def only(rehearsal):
    (statement,) = rehearsal.statements
    return statement


def locks(statement):
    return {(lock.relation, lock.mode) for lock in statement.locks}


def test_adding_a_column_locks_everybody_out_and_rewrites_nothing(shop):
    found = shop.rehearse("alter table orders add column paid boolean default false")
    assert locks(only(found)) == {("public.orders", "AccessExclusiveLock")}
    assert (only(found).rewrites, only(found).index_builds, only(found).rows) == ((), (), ())
    assert (found.losses, found.surprises) == ((), ())
    assert worst_lock_sentence(found).startswith("holds ACCESS EXCLUSIVE on public.orders for ")


def test_a_change_of_type_rewrites_the_table_and_its_indexes_and_says_why(shop):
    found = only(shop.rehearse("alter table orders alter column id type bigint"))
    assert found.rewrites == ("public.orders (a column's type)",)
    assert [name.split(" (")[0] for name in found.index_builds] == ["public.orders_pkey"]
    assert found.wal_bytes > 100_000
    assert found.size_delta > 0


def test_a_default_computed_per_row_rewrites_the_table_and_says_why(shop):
    found = only(shop.rehearse("alter table orders add column token uuid default gen_random_uuid()"))
    assert found.rewrites == ("public.orders (a default computed per row)",)


def test_a_wider_numeric_rewrites_nothing(shop):
    found = only(shop.rehearse("alter table orders alter column total type numeric(14,2)"))
    assert (found.rewrites, found.index_builds) == ((), ())


def test_an_index_build_is_named_with_its_size_and_lets_readers_go_on(shop):
    found = shop.rehearse("create index orders_note on orders (note)")
    assert only(found).index_builds == ("public.orders_note (btree, 65.5 kB)",)
    assert locks(only(found)) == {("public.orders", "ShareLock")}
    assert worst_lock_sentence(found).endswith("writes wait")


def test_an_empty_table_of_the_migrations_own_is_no_index_build(shop):
    found = only(shop.rehearse("create table carts (id serial primary key, customer int references customers)"))
    assert found.index_builds == ()
    assert locks(found) == {("public.customers", "ShareRowExclusiveLock")}


def test_an_update_of_all_rows_is_counted(shop):
    found = only(shop.rehearse("update orders set total = total * 1.19"))
    assert found.rows == (RowChanges(table="public.orders", updated=2000),)
    assert locks(found) == {("public.orders", "RowExclusiveLock")}


def test_truncate_cascade_that_reaches_another_table_shows_its_rows_as_lost_and_as_a_surprise(shop):
    found = shop.rehearse("truncate customers cascade")
    assert {(r.table, r.deleted, r.truncated) for r in only(found).rows} == {
        ("public.customers", 100, True),
        ("public.orders", 2000, True),
    }
    assert found.losses == ("100 of 100 rows of table public.customers", "2,000 of 2,000 rows of table public.orders")
    assert found.surprises == ("public.orders: truncated, 2,000 rows deleted by 0001, statement 1",)


def test_rows_that_come_after_a_truncate_are_told_apart_from_those_before(shop):
    found = only(shop.rehearse("do $$ begin truncate orders; insert into orders values (1, 1, 1); end $$"))
    assert found.rows == (RowChanges(table="public.orders", inserted=1, deleted=2000, truncated=True),)


def test_a_dropped_column_is_lost_with_the_number_of_its_values(shop):
    found = shop.rehearse("alter table customers drop column phone")
    assert found.losses == ("column public.customers.phone with 50 values",)


def test_a_dropped_table_is_lost_with_its_rows_and_the_foreign_key_behind_it_is_a_surprise(copy):
    copy.sql("create view big as select * from orders")
    found = copy.rehearse("drop table customers cascade", "drop view big")
    assert found.losses == ("table public.customers with 100 rows",)
    assert found.surprises == ("foreign key orders_customer_fkey of public.orders is gone",)


def test_a_view_that_goes_with_a_table_is_a_surprise(copy):
    copy.sql("create view big as select * from orders")
    assert copy.rehearse("drop table orders cascade").surprises == ("view public.big is gone",)


def test_renaming_loses_nothing(shop):
    found = shop.rehearse(
        "alter table orders rename column note to remark;" + BREAK + "alter table orders rename to purchases"
    )
    assert (found.losses, found.surprises) == ((), ())


def test_values_set_to_null_are_lost(shop):
    found = shop.rehearse("update customers set phone = null where id <= 20")
    assert found.losses == ("10 of 50 values of column public.customers.phone",)


def test_a_sequence_that_starts_again_is_a_loss(shop):
    found = shop.rehearse("alter sequence orders_id_seq restart")
    assert found.losses == ("the position of sequence public.orders_id_seq: at 2000 before, at 1 afterwards",)


def test_large_objects_that_go_are_a_loss(copy):
    copy.sql("select lo_from_bytea(0, 'a'), lo_from_bytea(0, 'b')")
    found = copy.rehearse("select lo_unlink(oid) from pg_largeobject_metadata limit 1")
    assert found.losses == ("1 of 2 large objects",)


def test_what_a_trigger_does_is_a_surprise(copy):
    copy.sql("""
        create table audit (id serial, what text);
        create function note() returns trigger language plpgsql as
          $$ begin insert into audit (what) values (old.name); return new; end $$;
        create trigger customers_note after update on customers for each row execute function note();
    """)
    found = copy.rehearse("update customers set name = upper(name) where id <= 5")
    assert found.surprises == ("public.audit: 5 rows inserted by 0001, statement 1",)


def test_a_cascading_delete_is_a_surprise(shop):
    found = shop.rehearse("delete from customers where id = 1")
    assert found.surprises == ("public.orders: 20 rows deleted by 0001, statement 1",)
    assert found.losses == ("1 of 100 rows of table public.customers", "20 of 2,000 rows of table public.orders")


def test_a_do_block_is_counted_and_what_its_body_names_is_no_surprise(shop):
    found = shop.rehearse("do $$ begin execute 'delete from orders where id <= 7'; end $$")
    assert only(found).rows == (RowChanges(table="public.orders", deleted=7),)
    assert found.surprises == ()


def test_a_column_that_goes_with_its_type_is_a_surprise(copy):
    copy.sql("create type mood as enum ('sad', 'ok'); alter table customers add column mood mood")
    assert copy.rehearse("drop type mood cascade").surprises == ("column public.customers.mood is gone",)


def test_partitions_of_a_named_table_are_no_surprise(copy):
    copy.sql("""
        create table hits (at date, n int) partition by range (at);
        create table hits_1 partition of hits for values from ('2026-01-01') to ('2027-01-01');
        insert into hits values ('2026-05-05', 1);
    """)
    found = copy.rehearse("update hits set n = 2")
    assert found.surprises == ()
    assert only(found).rows == (RowChanges(table="public.hits_1", updated=1),)


def test_a_materialised_view_that_is_refreshed_counts_as_rewritten(copy):
    copy.sql("create materialized view totals as select customer, sum(total) from orders group by 1")
    assert only(copy.rehearse("refresh materialized view totals")).rewrites == ("public.totals (refreshed)",)


def test_a_table_that_is_sorted_anew_is_rewritten_and_not_truncated(shop):
    found = only(shop.rehearse("cluster orders using orders_pkey"))
    assert found.rewrites == ("public.orders (copied to a new file)",)
    assert found.rows == ()


def test_a_migration_may_move_the_search_path_the_role_and_its_settings(shop):
    found = shop.rehearse(
        BREAK.join(
            [
                "set local search_path to ''; set client_min_messages to error; reset all;",
                "set role pg_monitor;",
                "select 1;",
                "reset role;",
                "alter table public.orders alter column id type bigint;",
            ]
        )
    )
    assert [s.rewrites for s in found.statements][-1] == ("public.orders (a column's type)",)
    assert all(s.locks == () for s in found.statements[:4])


def test_a_lock_that_an_earlier_statement_took_is_shown_for_the_later_one(shop):
    found = shop.rehearse(
        "alter table orders add column a int;" + BREAK + "select pg_sleep(0.05);" + BREAK + "update orders set a = 1;"
    )
    first, _, last = found.statements
    assert first.locks[0].held_seconds > 0.05 + last.seconds
    assert [(lock.relation, lock.mode) for lock in last.held_before] == [("public.orders", "AccessExclusiveLock")]


def test_what_the_gate_itself_locks_and_writes_is_left_out(shop):
    found = shop.rehearse("select 1", "select 2")
    assert [s.locks + s.rows for s in found.statements] == [(), ()]
    assert (found.losses, found.surprises) == ((), ())


def test_a_statement_that_fails_is_refused_with_its_place_and_without_values(copy):
    copy.sql("insert into customers (name) values ('anna@example.com'), ('anna@example.com')")
    plan = copy.plan(("0007_email", "select 1;" + BREAK + "select 2;\ncreate unique index u on customers (name);"))
    with pytest.raises(Refused) as refused:
        copy.of(plan)
    expected = 'the rehearsal failed at 0007_email, statement 2 (line 2): could not create unique index "u" (23505)'
    assert expected == refused.value.message
    assert "anna" not in str(refused.value)
    assert refused.value.hint.startswith("production is untouched; the data holds duplicates")


def test_a_value_that_cannot_be_converted_is_not_shown(shop):
    with pytest.raises(Refused) as refused:
        shop.rehearse("alter table customers alter column name type int using name::int")
    assert refused.value.message.endswith("invalid input syntax for type integer: (the value is not shown) (22P02)")


def test_a_deferred_constraint_that_fails_at_commit_is_refused(copy):
    copy.sql("alter table orders alter constraint orders_customer_fkey deferrable initially deferred")
    with pytest.raises(Refused, match="the rehearsal failed at COMMIT: insert or update on table"):
        copy.rehearse("insert into orders (customer, total) values (999, 1)")


def test_the_restored_database_stays_as_it_is_and_the_copies_are_gone(shop):
    shop.rehearse("drop table orders", rollbacks={"0001": "create table orders (id int)"})
    assert shop.ask("select count(*) from orders") == [(2000,)]
    left = shop.ask(f"select datname from pg_database where datname like '{shop.name}%'")
    assert left == [(shop.name,)]


def test_the_copies_are_gone_after_a_failure_too_and_what_a_crash_left_is_no_hindrance(shop):
    shop.scratch.create_database(f"{shop.name}_up")
    with pytest.raises(Refused):
        shop.rehearse("select 1/0")
    left = shop.ask(f"select datname from pg_database where datname like '{shop.name}%'")
    assert left == [(shop.name,)]


def test_the_schema_text_is_that_of_the_migrated_copy_without_any_trace_of_the_gate(shop):
    found = shop.rehearse("alter table orders add column paid boolean")
    assert "paid boolean" in found.schema_text
    assert "gate" not in found.schema_text
    assert "__drizzle_migrations" not in found.schema_text
    assert found.schema_sha256 == sha256(found.schema_text.encode())


def test_a_ledger_that_is_not_the_plans_is_refused(copy):
    plan = copy.plan(("0001", "select 1"))
    copy.sql("insert into drizzle.__drizzle_migrations (hash, created_at) values ('other', 1500)")
    with pytest.raises(Refused, match="changed since the plan was made"):
        copy.of(plan)


def test_another_build_of_the_server_is_said(shop):
    plan = shop.plan(("0001", "select 1"))
    other = plan.identity.model_copy(update={"server_version_num": 150020})
    assert shop.of(plan).same_server_build
    assert not shop.of(plan.model_copy(update={"identity": other})).same_server_build


TYPICAL = f"""create table carts (id serial primary key, customer int references customers);
{BREAK}create index carts_customer on carts (customer);
{BREAK}alter table orders add column token uuid default gen_random_uuid();
{BREAK}alter table orders alter column id type bigint;
{BREAK}alter table orders add constraint total_positive check (total > 0) not valid;
{BREAK}create index orders_note on orders (note);
{BREAK}alter table customers alter column phone set default '-';
{BREAK}update customers set phone = '-' where phone is null;
{BREAK}alter table customers alter column phone set not null, add column vip boolean default false;
{BREAK}do $$ begin if exists (select from orders) then alter table orders rename column note to remark; end if; end $$;
{BREAK}delete from customers where id = 1;
{BREAK}alter table orders drop constraint orders_customer_fkey;
{BREAK}drop table customers cascade;
"""


def test_typical_statements_are_measured_as_they_were_foreseen(shop):
    assert foreseen(TYPICAL, shop.rehearse(TYPICAL)) == ()


def test_a_lock_and_a_rewrite_that_no_statement_shows_are_told_to_the_approver(copy):
    copy.sql(
        "create function quietly() returns trigger language plpgsql"
        " as $$ begin lock table customers; return new; end $$;"
        "create trigger quietly before update on orders for each row execute function quietly()"
    )
    text = "update orders set note = 'x' where id = 1"
    assert foreseen(text, copy.rehearse(text)) == (
        "0001_x, statement 1: it took ACCESS EXCLUSIVE on public.customers, which the statement does not show",
    )


def foreseen(text, rehearsal):
    tag = rehearsal.statements[0].tag
    pieces = text.split("--> statement-breakpoint")
    parsed, _ = sql.read(f"{tag}.sql", pieces)
    notes = disagreements(effects([(tag, statement) for statement in parsed], 18, frozenset()), rehearsal)
    return tuple(note.replace(tag, "0001_x") for note in notes)


def test_the_copy_understands_sql_as_production_does(copy, scratch):
    copy.sql("create schema app")
    texts = (
        "create table carts (opened timestamptz default '01/02/2026 00:00', kept interval default '-1 2:00')",
        f"create table late (id int);{BREAK}create index concurrently late_id on late (id)",
    )
    rollbacks = {"0001": "drop table carts", "0002": "drop table late"}
    production = f"{copy.name}_production"
    scratch.create_database(production, template=copy.name)
    try:
        with postgres.connect(scratch.database_url(production), purpose="test") as connection:
            connection.execute(
                f"alter database {production} set search_path = app, public;"
                f"alter database {production} set datestyle = 'SQL, DMY';"
                f"alter role postgres in database {production} set timezone = 'Asia/Tokyo';"
                f"alter role postgres in database {production} set intervalstyle = 'sql_standard'".encode()
            )
        plan = copy.plan(*((f"{n:04}", text) for n, text in enumerate(texts, 1)), rollbacks=rollbacks)
        with postgres.connect(scratch.database_url(production), purpose="test") as connection:
            plan = plan.model_copy(update={"session_settings": session_settings(connection)})
            apply_by_hand(connection, plan)
        found = copy.of(plan)
        text = schema_text(
            scratch.database_url(production), copy.programs, exclude_ledger=("drizzle", "__drizzle_migrations")
        )
        assert found.schema_text == text
        assert "CREATE TABLE app.carts" in text
        assert "2026-02-01 00:00:00+09" in text
        assert found.rollback.holds
        assert [way.holds for way in found.partial] == [True]
    finally:
        scratch.drop_database(production)


def test_a_setting_that_the_scratch_server_does_not_take_is_named(shop):
    plan = shop.plan(("0001", "select 1")).model_copy(update={"session_settings": {"TimeZone": "Nowhere/Land"}})
    with pytest.raises(Refused) as caught:
        shop.of(plan)
    assert caught.value.message.endswith('invalid value for parameter "TimeZone": "Nowhere/Land"')
