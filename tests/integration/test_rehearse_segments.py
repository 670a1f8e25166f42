"""The rehearsal of a plan in segments: the same segments, what each does, and the way back from each point."""

from collections.abc import Iterator

import pytest

from tasks.clients.programs import Programs
from tasks.clients.scratch import scratch_server
from tasks.gate.errors import Refused
from tasks.gate.rehearsal import definitions
from tests.integration.rehearsing import Copy, restored_copy

INDEX = "create index concurrently orders_note on orders (note)"
BREAK = "--> statement-breakpoint\n"


@pytest.fixture(scope="module")
def shop(scratch_programs: Programs) -> Iterator[Copy]:
    with (
        scratch_server(scratch_programs, configured=None, never=None) as server,
        restored_copy(server, scratch_programs) as restored,
    ):
        yield restored


def test_an_index_that_is_built_concurrently_tells_its_locks_its_size_and_its_definition(shop: Copy):
    found = shop.rehearse("alter table orders add paid int", INDEX)
    column, index = found.statements
    assert [lock.mode for lock in column.locks if lock.relation == "public.orders"] == ["AccessExclusiveLock"]
    assert [lock.mode for lock in index.locks if lock.relation == "public.orders"] == ["ShareUpdateExclusiveLock"]
    assert index.index_builds[0].startswith("public.orders_note (btree, ")
    assert index.wal_bytes > 0
    assert definitions(found) == {("0002", 0): "CREATE INDEX orders_note ON public.orders USING btree (note)"}
    assert "CREATE INDEX orders_note" in found.schema_text
    assert "CREATE SCHEMA gate" not in found.schema_text


def test_rows_are_counted_across_segments_and_a_later_one_does_not_look_like_a_truncation(shop: Copy):
    found = shop.rehearse(f"insert into customers (name) values ('a');{BREAK}vacuum orders", "delete from orders")
    assert [(row.table, row.inserted, row.deleted, row.truncated) for s in found.statements for row in s.rows] == [
        ("public.customers", 1, 0, False),
        ("public.orders", 0, 2000, False),
    ]
    assert found.surprises == ()


def test_the_way_back_is_rehearsed_from_each_point_and_only_what_brings_everything_back_holds(shop: Copy):
    found = shop.rehearse(
        "alter table orders add paid int",
        INDEX,
        f"create table carts (id int);{BREAK}vacuum orders;{BREAK}create table notes (id int)",
        rollbacks={
            "0001": "alter table orders drop column paid",
            "0002": "drop index orders_note",
            "0003": "drop table notes; drop table carts",
        },
    )
    assert found.rollback.holds
    first, second, half, before_the_last = found.partial
    assert (first.holds, second.holds) == (True, True)
    assert not half.holds  # there is no table notes yet, so its rollback SQL fails there
    assert 'table "notes" does not exist' in half.sentence
    assert not before_the_last.holds


def test_a_procedure_that_commits_on_its_way_is_rehearsed_by_itself(shop: Copy):
    body = "delete from orders where id % 2 = 0; commit; delete from orders where id % 4 = 1; commit;"
    found = shop.rehearse(
        f"create procedure thin() language plpgsql as $$ begin {body} end $$;",
        f"commit;{BREAK}call thin();{BREAK}begin;{BREAK}drop procedure thin;",
    )
    assert [s.sql.strip(" \n;") for s in found.statements][1:] == ["call thin()", "drop procedure thin"]
    assert any("orders" in loss for loss in found.losses)


def test_without_rollback_sql_no_point_is_rehearsed_and_each_says_why(shop: Copy):
    found = shop.rehearse("alter table orders add paid int", INDEX, rollbacks={"0002": "drop index orders_note"})
    assert [back.sentence for back in found.partial] == ["no rollback SQL for 0001"]


def test_a_concurrent_refresh_of_a_view_runs_in_the_one_transaction_as_ever(shop: Copy):
    view = "create materialized view v as select 1 as one; create unique index v_one on v (one)"
    found = shop.rehearse(view, "refresh materialized view concurrently v")
    assert found.partial == ()


def test_an_index_that_cannot_be_built_refuses_the_release_as_it_would_fail_in_production(shop: Copy):
    with pytest.raises(Refused, match=r"the rehearsal failed at 0002, statement 1 \(line 1\): could not create unique"):
        shop.rehearse("select 1", "create unique index concurrently c on orders (customer)")
