"""What production shows of a plan, asked of real servers in every state that a crash can leave."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError, NotRecovered
from tasks.gate.production import LedgerShows, Standing
from tasks.probe_production import Patience, probe_production, settle_production
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, Shop, open_shop


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def test_before_and_after_the_apply_the_ledger_tells(shop: Shop):
    plan = shop.plan(ADD_COLUMN, "select 1;")
    release = shop.release(plan)
    before = probe_production(release, plan)
    assert (before.ledger, before.ledger_rows, before.same_database, before.primary) == (
        LedgerShows.BEFORE,
        1,
        True,
        True,
    )
    applied = apply_plan(release, plan, NOT_REHEARSED)
    after = probe_production(release, plan, transaction=applied.xid)
    assert (after.ledger, after.transaction) == (LedgerShows.AFTER, "committed")
    assert after.bytes > 1_000_000
    shop.sql("delete from drizzle.__drizzle_migrations where created_at = 2001")
    assert probe_production(release, plan).ledger is LedgerShows.OTHER


def test_the_databases_beside_production_and_what_hangs_on_it_are_named(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    beside = f"{shop.name}_restore_{release.id}"
    shop.server.create_database(beside)
    shop.sql(f"select pg_create_logical_replication_slot('s_{shop.name}', 'pgoutput')")
    try:
        state = probe_production(release, plan)
    finally:
        shop.sql(f"select pg_drop_replication_slot('s_{shop.name}')")
    assert [(r.name, r.connections_allowed) for r in state.related] == [(shop.name, True), (beside, True)]
    assert state.logical_slots == (f"s_{shop.name}",)


def test_a_session_that_a_dead_process_left_is_ended_and_then_the_ledger_counts(shop: Shop):
    shop.sql(f"alter database {shop.name} set datestyle = 'SQL, DMY'")  # its start is read there as anywhere
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    with closing(postgres.connect(shop.url, purpose=f"apply {release.id}")) as orphan:
        orphan.execute("begin; " + ADD_COLUMN)
        assert "idle in transaction" in probe_production(release, plan).in_flight[0]
        _, settled = settle_production(release, plan, patience=Patience(before_ending=0.2, pause=0.05))
        assert settled.standing is Standing.UNTOUCHED


def test_a_transaction_that_does_not_end_stays_unknown(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    with postgres.connect(shop.url, purpose="other") as other:
        other.execute("begin")
        row = other.execute("select pg_current_xact_id()::text").fetchone()
        assert row is not None
        patience = Patience(in_progress=0.3, before_ending=9, pause=0.05)
        with pytest.raises(NotRecovered, match="unknown: its transaction is still in progress"):
            settle_production(release, plan, transaction=row[0], patience=patience)


def test_a_transaction_of_the_future_is_no_witness(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    assert probe_production(shop.release(plan), plan, transaction="4000000000").transaction is None


def test_production_that_cannot_be_reached_is_said_so(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    nowhere = postgres.with_database(shop.url, f"{shop.name}_gone")
    with pytest.raises(ConfigurationError):
        probe_production(shop.release(plan, url=nowhere), plan)
