"""What is counted and saved of the rows that a restore leaves behind, for every shape of table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks import accounts as accounting
from tasks.accounts import snapshot, take_accounts
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.accounts import Accounts, TableAccount
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal, RehearsedStatement
from tasks.release import Release
from tasks.swap import Swapping
from tests.integration.releasing import NOT_REHEARSED, Shop, open_shop

TABLES = """
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
create table orders (id bigint primary key, note text, total numeric(12,2), at timestamptz, document jsonb);
create table items (order_id bigint, line int, what text, primary key (order_id, line));
create table visits (path text, seen int);
create schema "Odd One"; create table "Odd One"."Ta""ble, x" ("Key Col" text primary key, "select" text);
create table parts (id int, kind text, primary key (id, kind)) partition by list (kind);
create table parts_a partition of parts for values in ('a');
create table parts_b partition of parts for values in ('b');
insert into orders select g, 'n' || g, g, '2026-01-01'::timestamptz + g * interval '1 day', '{"a": 1}'
  from generate_series(1, 300) g;
insert into items select g, n, 'x' from generate_series(1, 50) g, generate_series(1, 3) n;
insert into visits select '/' || g % 7, 1 from generate_series(1, 70) g;
insert into "Odd One"."Ta""ble, x" values ('ä', 'one'), ('Z', 'two'), ('a', 'three'), ('', 'four');
insert into parts values (1, 'a'), (2, 'b');
"""


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path, TABLES) as shop:
        yield shop


@contextmanager
def both(shop: Shop) -> Iterator[tuple[Release, Swapping]]:
    """The failed database beside production, equal to it so far; production stands for the restored one."""
    release = shop.open("20261123-140509-shop-abcdef")
    failed = f"{shop.name}_failed"
    shop.server.create_database(failed, template=shop.name)
    (xid,) = shop.sql("select pg_current_xact_id()::text")[0]
    yield (
        release,
        Swapping(sentence="", name=shop.name, old_oid=1, new="", new_oid=2, failed_name=failed, transaction=xid),
    )


def account(shop: Shop, statements: str, plan: Plan | None = None, rehearsal: Rehearsal | None = None) -> Accounts:
    with both(shop) as (release, swapping):
        shop.sql(statements, swapping.failed_name)
        return take_accounts(release, swapping, plan, rehearsal)


def of(accounts: Accounts, table: str) -> TableAccount:
    return next(t for t in accounts.tables if t.table == table)


def test_equal_databases_have_nothing_to_account_for(shop: Shop):
    accounts = account(shop, "select 1")
    assert accounts.tables == ()
    assert accounts.sentence == "no row was written since the backup"
    assert accounts.compared == 7


def test_every_shape_of_table_is_counted_exactly(shop: Shop):
    accounts = account(
        shop,
        """
        insert into orders select g, 'new', 1 from generate_series(1001, 1030) g; delete from orders where id <= 4;
        update orders set document = '{"a": 2}' where id between 11 and 15;
        update items set what = 'y' where line = 2 and order_id < 8; insert into items values (99, 1, 'z');
        insert into visits values ('/1', 1), ('/new', 2);
        delete from visits where ctid = (select min(ctid) from visits where path = '/3');
        update "Odd One"."Ta""ble, x" set "select" = 'changed' where "Key Col" in ('ä', '');
        insert into parts values (3, 'b'), (4, 'b');
        """,
    )
    counts = {t.table: (t.inserted, t.updated, t.deleted, t.matched_by) for t in accounts.tables}
    assert counts == {
        "public.orders": (30, 5, 4, "primary key"),
        "public.items": (1, 7, 0, "primary key"),
        "public.visits": (2, 0, 1, "content"),
        '"Odd One"."Ta""ble, x"': (0, 2, 0, "primary key"),
        "public.parts_b": (2, 0, 0, "primary key"),
    }
    assert (of(accounts, "public.orders").rows_failed, of(accounts, "public.orders").rows_restored) == (326, 300)
    assert accounts.sentence.startswith("49 rows written since the backup are only in ")
    assert "(orders 35, items 8, " in accounts.sentence


def test_the_rows_are_saved_as_csv_that_copy_reads_back(shop: Shop):
    accounts = account(
        shop,
        "insert into orders values (1001, e'two\\nlines, \"quoted\"', 1.50), (1002, null, 2);"
        "update orders set note = 'x' where id = 7",
    )
    assert accounts.salvaged
    saved = shop.store.read(of(accounts, "public.orders").salvage).decode()
    assert saved.splitlines()[0] == "id,note,total,at,document"
    shop.sql("create table loaded (like orders)")
    load = "copy loaded from stdin (format csv, header true)"
    with postgres.connect(shop.url, purpose="test") as connection, connection.cursor().copy(load) as copy:
        copy.write(saved)
    loaded = shop.sql("select id, note from loaded order by id")
    assert loaded == [(7, "x"), (1001, 'two\nlines, "quoted"'), (1002, None)]


def test_more_than_is_worth_a_copy_stays_in_the_failed_database_and_is_said_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(accounting, "SALVAGE_BYTES", 500)
    accounts = account(shop, "insert into orders select g, repeat('x', 50) from generate_series(1001, 1030) g")
    assert not accounts.salvaged
    assert of(accounts, "public.orders").salvage == ""
    assert accounts.notes == (
        "public.orders: its rows are not copied to the store, which would be more than 500 bytes",
    )
    assert list(shop.store.keys("shop/salvage/")) == []
    assert accounts.written == 30


def test_what_clients_wrote_after_the_swap_is_not_counted_as_missing(shop: Shop):
    with both(shop) as (release, swapping):
        shop.sql("insert into orders (id) values (1001)", swapping.failed_name)
        shop.sql("insert into orders (id) values (5001), (5002)")
        accounts = take_accounts(release, swapping, None, None)
    assert (of(accounts, "public.orders").inserted, of(accounts, "public.orders").deleted) == (1, 0)


def test_a_snapshot_from_the_moment_of_the_opening_is_exact_whatever_follows(shop: Shop):
    with both(shop) as (release, swapping):
        shop.sql("insert into orders (id) values (1001)", swapping.failed_name)
        opened = snapshot(shop.url, shop.name)
        shop.sql("delete from orders where id < 100; update orders set note = 'new' where id > 200")
        accounts = take_accounts(release, swapping, None, None, restored=opened)
    assert [(t.table, t.inserted, t.updated) for t in accounts.tables] == [("public.orders", 1, 0)]


def migrate(shop: Shop, *statements: str) -> str:
    """What the migration did in the failed database, its ledger row in the same transaction."""
    row = "insert into drizzle.__drizzle_migrations (hash, created_at) values ('{hash}', 2001)"
    return "begin;" + ";".join(statements) + ";" + row + "; commit;"


def account_of_migration(shop: Shop, migration: str, later: str, *, rewrites: tuple[str, ...] = ()) -> Accounts:
    plan = shop.plan("the migration")
    rehearsal = NOT_REHEARSED.model_copy(
        update={"statements": (RehearsedStatement(tag="0001", index=0, sql="", seconds=0, rewrites=rewrites),)}
    )
    text = migrate(shop, migration).format(hash=plan.pending[0].hash)
    return account(shop, f"{text} {later}", plan, rehearsal)


def test_what_the_migration_itself_wrote_is_told_apart_from_what_people_wrote(shop: Shop):
    accounts = account_of_migration(
        shop, "update orders set note = upper(note)", "update orders set note = 'late' where id <= 3"
    )
    orders = of(accounts, "public.orders")
    assert (orders.updated, orders.by_migration, orders.written) == (300, 297, 3)
    assert accounts.sentence.startswith("3 rows written since the backup are only in ")
    assert shop.store.read(orders.salvage).count(b"\n") == 4


def test_in_a_table_that_the_migration_rewrote_nothing_is_taken_for_its_own(shop: Shop):
    accounts = account_of_migration(
        shop,
        "insert into orders (id) values (1001); alter table orders alter total type numeric(20,2)",
        "insert into orders (id) values (1002)",
        rewrites=("public.orders (a column's type)",),
    )
    assert of(accounts, "public.orders").written == 2
    assert "public.orders: total changed its type and was not compared" in accounts.notes


def test_a_widened_key_is_still_the_key(shop: Shop):
    accounts = account_of_migration(
        shop,
        "alter table items alter line type bigint",
        "insert into items values (99, 1, 'new')",
        rewrites=("public.items (a column's type)",),
    )
    assert (of(accounts, "public.items").inserted, of(accounts, "public.items").matched_by) == (1, "primary key")


def test_a_renamed_table_is_compared_with_what_it_was(shop: Shop):
    accounts = account_of_migration(
        shop, "alter table orders rename to purchases", "insert into purchases (id) values (1001)"
    )
    assert [(t.table, t.inserted, t.deleted) for t in accounts.tables] == [("public.purchases", 1, 0)]


def test_a_new_table_counts_only_what_was_written_after_the_migration(shop: Shop):
    accounts = account_of_migration(
        shop,
        "create table tags (id int primary key); insert into tags select generate_series(1, 5)",
        "insert into tags values (6), (7)",
    )
    assert (of(accounts, "public.tags").inserted, of(accounts, "public.tags").matched_by) == (2, "name")
    assert "public.tags is not in the backup; it holds 7 rows" in accounts.notes


def test_a_dropped_table_is_said_to_be_lost(shop: Shop):
    accounts = account_of_migration(shop, "drop table visits", "select 1")
    assert accounts.notes == (
        "public.visits is not in the failed database: what was written to it between backup and migration is lost",
    )


def test_a_second_run_counts_the_same_and_keeps_what_was_saved(shop: Shop):
    with both(shop) as (release, swapping):
        shop.sql("insert into orders (id) values (1001)", swapping.failed_name)
        first = take_accounts(release, swapping, None, None)
        assert take_accounts(release, swapping, None, None) == first
