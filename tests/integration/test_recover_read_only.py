"""Recovery where somebody made production's sessions begin read-only, to protect what is left during the incident."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tasks.apply_plan import apply_plan
from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import GateError
from tasks.gate.recovery import Rung
from tasks.recover import recover
from tasks.statement_failures import StatementFailed
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, Shop, open_shop

ON, OFF = "set default_transaction_read_only = on", "reset default_transaction_read_only"


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


@contextmanager
def read_only(shop: Shop) -> Iterator[None]:
    """Sessions begin read-only by the database and by the role."""
    role = parameters(shop.url)["user"]

    def both(setting: str) -> None:
        shop.sql(f"begin read write; alter database {shop.name} {setting}; alter role {role} {setting}; commit")

    both(ON)
    try:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            shop.sql("delete from visits")
        yield
    finally:
        both(OFF)


def test_the_restore_writes_and_the_setting_of_today_is_carried_over(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan, shop.back_up())
    apply_plan(release, plan, NOT_REHEARSED)
    shop.sql("insert into visits (path) values ('/late'); select setval('orders_id_seq', 900)")
    with read_only(shop):
        recovery = recover(release, plan, NOT_REHEARSED, GateError("the application is not well"))
        assert recovery.rung is Rung.RESTORE
        assert shop.sql("select count(*) from visits") == [(20,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            shop.sql("delete from visits")
    assert shop.sql("select nextval('orders_id_seq')") == [(901,)]


def test_an_unfinished_index_is_dropped(shop: Shop):
    shop.sql("update orders set total = 1 where total < 3")
    plan = shop.plan("create unique index concurrently orders_total on orders (total);")
    release = shop.release(plan)
    with pytest.raises(StatementFailed) as failed:
        apply_plan(release, plan, NOT_REHEARSED)
    with read_only(shop):
        assert recover(release, plan, NOT_REHEARSED, failed.value).rung is Rung.TRANSACTION
    assert shop.sql("select to_regclass('orders_total')") == [(None,)]
