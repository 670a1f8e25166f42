"""A plan of another purpose in production: its scripts write the ledger, exactly as planned, or nothing happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from tasks.apply_plan import apply_plan
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import Refused
from tasks.gate.plan import LedgerRow, Plan, Purpose, script
from tasks.gate.production import Standing
from tasks.guarded import guarded
from tasks.probe_production import settle_production
from tasks.statement_failures import StatementFailed
from tests.integration.releasing import ADD_COLUMN, LEDGER, NOT_REHEARSED, Shop, open_shop

FIRST = LedgerRow(id=None, hash="first", created_at=1000)


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def adds_a_row(hash_: str) -> str:
    insert = sql.SQL("insert into {} (hash, created_at) values ({}, 2000)").format(
        sql.Identifier(*LEDGER), sql.Literal(hash_)
    )
    return guarded(insert, 1, f"the row of {hash_}")


def repair(shop: Shop, *statements: str, after: tuple[LedgerRow, ...]) -> Plan:
    return shop.plan().model_copy(
        update={
            "pending": (script("0001", "the gate's own", statements),),
            "purpose": Purpose.REPAIR,
            "title": "write the row of 0001",
            "ledger_after": after,
        }
    )


def test_scripts_and_the_ledger_that_they_leave_are_committed_together(shop: Shop):
    second = LedgerRow(id=None, hash="it's 100% \\second", created_at=2000)
    plan = repair(shop, ADD_COLUMN, adds_a_row(second.hash), after=(FIRST, second))
    release = shop.release(plan)
    assert settle_production(release, plan)[1].standing is Standing.UNTOUCHED
    apply_plan(release, plan, NOT_REHEARSED)
    assert shop.sql("select hash, created_at from drizzle.__drizzle_migrations order by id") == [
        ("first", 1000),
        (second.hash, 2000),
    ]
    assert settle_production(release, plan)[1].standing is Standing.APPLIED


def test_a_change_that_meets_other_rows_than_planned_changes_nothing(shop: Shop):
    forget = sql.SQL("delete from {} where hash = 'second'").format(sql.Identifier(*LEDGER))
    plan = repair(shop, ADD_COLUMN, guarded(forget, 1, "the row of 0002"), after=())
    with pytest.raises(StatementFailed, match="the row of 0002: changed 0 rows, expected 1"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select count(*) from pg_attribute where attrelid = 'orders'::regclass and attname = 'status'") == [
        (0,)
    ]


def test_a_ledger_that_the_scripts_leave_otherwise_than_planned_is_not_committed(shop: Shop):
    plan = repair(shop, "delete from drizzle.__drizzle_migrations;", adds_a_row("second"), after=(FIRST,))
    with pytest.raises(StatementFailed, match=r"left 1 row in .* that are not those of the plan"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select hash from drizzle.__drizzle_migrations") == [("first",)]


def test_scripts_do_not_run_on_a_ledger_that_moved_since_the_plan(shop: Shop):
    plan = repair(shop, adds_a_row("second"), after=(FIRST,))
    shop.sql("insert into drizzle.__drizzle_migrations (hash, created_at) values ('somebody', 1500)")
    with pytest.raises(Refused, match="changed since the plan was made"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)


def test_an_approval_of_a_release_does_not_cover_a_repair_of_the_same_text(shop: Shop):
    plan = repair(shop, adds_a_row("second"), after=(FIRST,))
    assert plan.digest != plan.model_copy(update={"purpose": Purpose.RELEASE}).digest
    assert plan.digest != plan.model_copy(update={"ledger_after": ()}).digest
