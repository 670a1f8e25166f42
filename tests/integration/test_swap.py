"""The swap under clients that read and write all the time, with what hangs on the name, and where it cannot be done."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.finish_swap import finish_swap
from tasks.gate.errors import NotRecovered
from tasks.gate.names import failed_name
from tasks.release import Release
from tasks.restore_beside import Beside
from tasks.swap import SwapFailed, swap
from tests.integration.releasing import Shop, later, open_shop
from tests.servers.postgres import FAST
from tests.servers.proxy import Cut, breaking_wire


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def beside_of(shop: Shop, statement: str = "select 1") -> tuple[Release, Beside]:
    """A release with a copy of production beside it, made without a dump; production changes afterwards."""
    release = shop.open("20261123-140509-shop-abcdef")
    name = f"{shop.name}_restore_{release.id}"
    shop.server.create_database(name, template=shop.name)
    shop.sql(statement)
    (oid,) = shop.sql(f"select oid::bigint from pg_database where datname = '{name}'", "postgres")[0]
    return release, Beside(sentence="", database=name, oid=oid, backup="backup-20261123-140000", seconds=1)


class Client(threading.Thread):
    """Reads the generation of the data, reconnecting for ever, and writes rows."""

    def __init__(self, shop: Shop, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.shop, self.stop = shop, stop
        self.seen: list[int] = []
        self.longest = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while not self.stop.is_set():
            with suppress(psycopg.Error):
                conninfo = self.shop.url.get_secret_value()
                with closing(psycopg.connect(conninfo, autocommit=True, connect_timeout=5)) as connection:
                    while not self.stop.is_set():
                        row = connection.execute("select generation from era").fetchone()
                        assert row is not None
                        self.seen.append(row[0])
                        connection.execute("insert into orders (customer, note) values (1, 'client')")
                        self.longest = max(self.longest, time.monotonic() - last)
                        last = time.monotonic()


def test_busy_clients_see_the_old_and_then_only_the_new(shop: Shop):
    shop.sql("create table era (generation int); insert into era values (2)")
    release, beside = beside_of(shop, "update era set generation = 1")
    stop = threading.Event()
    clients = [Client(shop, stop) for _ in range(6)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    swapped = swap(release, beside, shop.name, failed_name(shop.name, release.id))
    time.sleep(0.7)
    stop.set()
    for client in clients:
        client.join(10)
    for client in clients:
        assert client.seen == sorted(client.seen)  # 1 is the failed database, 2 the restored one
        assert set(client.seen) == {1, 2}
    assert swapped.gap_seconds > 0
    ids = "select max(id) from orders"
    newest_before = shop.sql(ids, swapped.failed_database)[0][0]
    first_after = shop.sql("select min(id) from orders where note = 'client'")[0][0]
    assert first_after > newest_before  # no id is handed out twice


def test_every_sequence_goes_on_from_the_further_one_of_both(shop: Shop):
    shop.sql(
        "create sequence up; create sequence down increment -1; create sequence unused;"
        'create schema "Odd One";'
        'create sequence "Odd One"."Se quence" cycle; create sequence "100 %s";'
        "select nextval('up'), nextval('down')"
    )
    release, beside = beside_of(
        shop,
        "select setval('up', 70), setval('down', -30), setval('orders_id_seq', 9000),"
        ' setval(\'"Odd One"."Se quence"\', 5), setval(\'"100 %s"\', 8)',
    )
    shop.sql("select setval('customers_id_seq', 7777)", beside.database)
    swapped = swap(release, beside, shop.name, failed_name(shop.name, release.id))
    assert swapped.sequences_moved == 5
    next_ones = "select nextval('up'), nextval('down'), nextval('unused'), nextval('\"Odd One\".\"Se quence\"')"
    assert shop.sql(next_ones) == [(71, -31, 1, 6)]
    assert shop.sql("select nextval('\"100 %s\"')") == [(9,)]
    assert shop.sql("select nextval('orders_id_seq'), nextval('customers_id_seq')") == [(9001, 7778)]


def test_the_failed_database_can_be_read_but_is_not_written_by_mistake(shop: Shop):
    release, beside = beside_of(shop)
    swapped = swap(release, beside, shop.name, failed_name(shop.name, release.id))
    assert shop.sql("select count(*) from orders", swapped.failed_database) == [(500,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        shop.sql("delete from orders", swapped.failed_database)
    shop.sql("insert into orders (note) values ('new')")


@pytest.fixture
def two_phase_shop(tmp_path: Path) -> Iterator[Shop]:
    """On a server that lets transactions be prepared."""
    settings = {**FAST, "max_prepared_transactions": "2"}
    with EmbeddedServer(settings=settings) as server, open_shop(server, tmp_path) as shop:
        yield shop


def test_a_prepared_transaction_is_named_and_production_stays_open(two_phase_shop: Shop):
    shop = two_phase_shop
    release, beside = beside_of(shop)
    with postgres.connect(shop.url, purpose="test") as connection:
        connection.execute("begin; insert into visits values ('/two')")
        connection.execute(f"prepare transaction 'two_{shop.name}'")
    try:
        with pytest.raises(
            SwapFailed, match=f"prepared transactions keep {shop.name} in use: two_{shop.name}"
        ) as failed:
            swap(release, beside, shop.name, failed_name(shop.name, release.id))
        assert "ROLLBACK PREPARED" in failed.value.hint
        assert shop.sql("select count(*) from orders") == [(500,)]
        assert shop.sql("select 1", beside.database) == [(1,)]
    finally:
        shop.sql(f"rollback prepared 'two_{shop.name}'")


def test_a_database_that_has_the_failed_ones_name_already_stops_the_swap_and_production_stays_open(shop: Shop):
    release, beside = beside_of(shop)
    taken = failed_name(shop.name, release.id)
    shop.server.create_database(taken)
    with pytest.raises(SwapFailed, match=r"the names were not exchanged: database .* already exists"):
        swap(release, beside, shop.name, taken)
    assert shop.sql("select count(*) from orders") == [(500,)]
    assert finish_swap(release) is None


def test_a_server_that_is_lost_for_a_moment_in_the_swap_leaves_production_open(shop: Shop):
    release, beside = beside_of(shop)
    with breaking_wire(shop.url, at=b"rename to", cut=Cut.BEFORE) as wire:
        wire.then = wire.down.set
        through = shop.open(release.id, url=wire.url)
        with later(3, wire.down.clear), pytest.raises(SwapFailed, match="the names were not exchanged"):
            swap(through, beside, shop.name, failed_name(shop.name, release.id))
        assert wire.broken.is_set()
    assert shop.sql("select count(*) from orders") == [(500,)]
    assert shop.sql("select 1", beside.database) == [(1,)]


def test_a_server_that_stays_away_is_not_said_to_have_left_production_open(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.swap.SERVER_AWAY_S", 0.5)
    release, beside = beside_of(shop)
    with breaking_wire(shop.url, at=b"rename to", cut=Cut.BEFORE) as wire:
        wire.then = wire.down.set
        through = shop.open(release.id, url=wire.url)
        with pytest.raises(NotRecovered, match=f"{shop.name} may be closed to connections") as lost:
            swap(through, beside, shop.name, failed_name(shop.name, release.id))
    assert f"gate resume {release.id}" in lost.value.hint
    assert finish_swap(shop.open(release.id)) is None
    assert shop.sql("select count(*) from orders") == [(500,)]


def test_a_store_that_is_away_after_the_exchange_does_not_make_production_the_failed_one(shop: Shop):
    release, beside = beside_of(shop)
    root, aside = shop.store.root, shop.store.root.with_name("aside")

    def take_away() -> None:
        root.rename(aside)
        root.write_text("no folder")

    with pytest.raises(NotRecovered, match="the restored database is in place, but") as lost:
        swap(release, beside, shop.name, failed_name(shop.name, release.id), opened=take_away)
    assert f"gate resume {release.id}" in lost.value.hint
    root.unlink()
    aside.rename(root)
    swapped = finish_swap(shop.open(release.id))
    assert swapped is not None
    assert swapped.failed_database == failed_name(shop.name, release.id)


def test_databases_renamed_by_hand_are_left_to_a_person(shop: Shop):
    release, beside = beside_of(shop)
    swap(release, beside, shop.name, failed_name(shop.name, release.id))
    shop.sql(f"alter database {shop.name} rename to {shop.name}_elsewhere", "postgres")
    with pytest.raises(NotRecovered, match=f"expected {shop.name} to be the failed database .* found none"):
        finish_swap(release)
