"""The demo's parts: the shop's folder and rows, its application, its servers and what is left of them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from flows.demo import shop
from flows.demo.running_application import Application
from flows.demo.stage import GATE
from tasks.clients import postgres, scratch
from tasks.drizzle.folder import read_folder
from tasks.rollbacks import find_rollbacks

PATIENCE = 20.0


def until(holds, seconds: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def test_a_checkout_holds_exactly_the_migrations_of_its_day(tmp_path: Path) -> None:
    for migrations in range(1, 8):
        shop.check_out(tmp_path / "shop", migrations)
        folder = read_folder(tmp_path / "shop" / "drizzle")
        assert len(folder.migrations) == migrations
        assert folder.orphans == ()
        assert (tmp_path / "shop" / "gate.toml").is_file()
    assert [m.created_at for m in folder.migrations] == sorted(m.created_at or 0 for m in folder.migrations)


def test_only_the_last_migration_of_the_shop_has_no_rollback_sql(tmp_path: Path) -> None:
    shop.check_out(tmp_path / "shop", 7)
    pending = read_folder(tmp_path / "shop" / "drizzle").migrations[4:]
    found = find_rollbacks(tmp_path / "shop" / "drizzle" / "rollback", pending)
    assert [rollback.tag for rollback in found.rollbacks] == ["0004_order_channel", "0005_delivery"]
    assert found.missing == ("0006_drop_customer_name",)
    assert (found.problems, found.notes) == ((), ())


def test_no_address_of_a_registry_is_in_the_shops_lock_file() -> None:
    assert "resolved" not in (shop.SOURCE / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in json.dumps(json.loads((shop.SOURCE / "package.json").read_text(encoding="utf-8")))


@pytest.mark.long("KILL_MATRIX", "make kill-matrix")
def test_the_shop_is_filled_with_the_same_rows_each_time(
    production: SecretStr, staging: SecretStr, tmp_path: Path
) -> None:
    shop.check_out(tmp_path / "shop", shop.SHIPPED_BEFORE)
    hashes = []
    for url in (production, staging):
        assert shop.migrate(url, tmp_path / "shop") == 4
        assert shop.migrate(url, tmp_path / "shop") == 0
        assert shop.fill(url, shop.CUSTOMERS) >= 200_000
        with postgres.connect(url, purpose="test") as connection:
            hashes.append(connection.execute(ALL_ROWS).fetchall())
            assert connection.execute(WRONG_TOTALS).fetchone() == (0,)
            for reference in REFERENCES:
                assert connection.execute(reference).fetchone() == (0,)
    assert hashes[0] == hashes[1]


ALL_ROWS = """
select 'orders', sum(hashtextextended(t::text, 0)) from orders t union all
select 'order_items', sum(hashtextextended(t::text, 0)) from order_items t union all
select 'customers', sum(hashtextextended(t::text, 0)) from customers t order by 1
"""
WRONG_TOTALS = """
select count(*) from orders o
 where o.total <> (select sum(i.quantity * i.price) from order_items i where i.order_id = o.id)
"""
REFERENCES = (  # they were not checked while the rows were loaded
    "select count(*) from orders o where not exists (select from customers c where c.id = o.customer_id)",
    "select count(*) from order_items i where not exists (select from orders o where o.id = i.order_id)",
    "select count(*) from order_items i where not exists (select from products p where p.id = i.product_id)",
    "select count(*) from reviews r where not exists (select from products p where p.id = r.product_id)",
)


@pytest.fixture
def small_shop(production: SecretStr, tmp_path: Path) -> SecretStr:
    shop.check_out(tmp_path / "shop", shop.SHIPPED_BEFORE)
    shop.migrate(production, tmp_path / "shop")
    shop.fill(production, 20)
    return production


def test_the_application_works_until_its_column_is_gone_and_says_which(small_shop: SecretStr) -> None:
    with Application(small_shop, "2.3") as old, Application(small_shop, "2.4", idle=True) as new:
        assert httpx.get(old.health_url).status_code == 200
        until(lambda: old.take_tally().writes > 0)
        with postgres.connect(small_shop, purpose="test") as connection:
            connection.execute("alter table customers drop column name")
        answer = httpx.get(old.health_url)
        assert (answer.status_code, answer.reason_phrase) == (500, "column c.name does not exist")
        assert httpx.get(new.health_url).status_code == 200
        until(lambda: old.take_tally().complaint == "column c.name does not exist")
        tally = new.take_tally()
        assert (tally.reads, tally.writes, tally.errors) == (0, 0, 0)


def test_an_application_that_is_thrown_out_knocks_again(small_shop: SecretStr) -> None:
    with Application(small_shop, "2.3") as application:
        until(lambda: application.take_tally().writes > 0)
        with postgres.connect(small_shop, purpose="test") as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", ["shop 2"]
            )
        until(lambda: application.take_tally().thrown_out > 0)
        until(lambda: application.take_tally().reads > 0)


def test_the_application_ends_when_nobody_holds_its_leash(small_shop: SecretStr) -> None:
    with Application(small_shop, "2.3") as application:
        url = application.health_url
        assert httpx.get(url).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_an_application_without_a_database_says_that_it_is_not_well(small_shop: SecretStr) -> None:
    nowhere = SecretStr(small_shop.get_secret_value().replace("/shop_", "/nowhere_"))
    with Application(nowhere, "2.3", idle=True) as application:
        assert httpx.get(application.health_url).status_code == 500
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(nowhere.get_secret_value())


LONG = pytest.mark.long("KILL_MATRIX", "make kill-matrix")


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that were started below a folder, or with it as their TMPDIR."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in seen:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=LONG), (signal.SIGTERM, 130), (signal.SIGKILL, -9)],
)
def test_nothing_of_the_demo_outlives_it(number: signal.Signals, code: int, own_temporary_folder: Path) -> None:
    demo = subprocess.Popen(
        [str(GATE), "demo", "--yes", "--output", str(own_temporary_folder / "pages")],
        env={**os.environ, "TMPDIR": str(own_temporary_folder)},
        cwd=shop.SOURCE.parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: any("weed" in line for line in processes_of(own_temporary_folder)))
        demo.send_signal(number)
        assert demo.wait(PATIENCE) == code
        until(lambda: processes_of(own_temporary_folder) == [])
    finally:
        demo.kill()
        demo.wait()
    if number is signal.SIGKILL:
        assert scratch.sweep() > 0
