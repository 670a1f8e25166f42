"""The apply on a wire that breaks and in processes that die: what became of the COMMIT is found out, never guessed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import GateError, NotRecovered
from tasks.probe_production import Patience
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, QUICK, Shop, kinds, later, open_shop, wait_until
from tests.integration.step_process import dies_at, run_step
from tests.servers.proxy import Cut, breaking_wire


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def columns(shop: Shop) -> list[str]:
    rows = shop.sql(
        "select attname::text from pg_attribute where attrelid = 'orders'::regclass and attnum > 0 and not attisdropped"
    )
    return [name for (name,) in rows]


@pytest.mark.parametrize(
    ("cut", "sentence"),
    [(Cut.REPLY, "the reply to COMMIT was lost, but it took effect"), (Cut.BEFORE, "")],
)
def test_a_commit_whose_reply_is_lost_is_settled_by_evidence(shop: Shop, cut: Cut, sentence: str):
    plan = shop.plan(ADD_COLUMN)
    with breaking_wire(shop.url, cut=cut) as wire:
        release = shop.release(plan, url=wire.url)
        if sentence:
            assert apply_plan(release, plan, NOT_REHEARSED).sentence == sentence
        else:
            with pytest.raises(GateError, match="the connection was lost during COMMIT"):
                apply_plan(release, plan, NOT_REHEARSED)
        assert wire.broken.is_set()
    assert ("status" in columns(shop)) is bool(sentence)
    assert ("applied" in kinds(release)) is bool(sentence)


def test_an_unreachable_server_after_commit_is_reported_as_unknown_and_settled_by_the_next_run(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    with breaking_wire(shop.url) as wire:
        wire.then = wire.down.set
        release = shop.release(plan, url=wire.url)
        with pytest.raises(NotRecovered, match="the outcome of the COMMIT in production is unknown") as unknown:
            apply_plan(release, plan, NOT_REHEARSED, patience=Patience(unreachable=0.5, pause=0.1))
        assert f"gate resume {release.id}" in unknown.value.hint
    again = shop.open(release.id)
    applied = apply_plan(again, plan, NOT_REHEARSED)
    assert applied.sentence.startswith("committed by a process that died before it could say so")
    assert len(shop.sql("select 1 from drizzle.__drizzle_migrations")) == 2


def test_a_backend_killed_in_the_middle_changes_nothing(shop: Shop):
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\nselect pg_sleep(20);")
    release = shop.release(plan, policy={"apply": {**QUICK["apply"], "statement_timeout_floor_ms": 20000}})
    kill = f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gate apply {release.id}'"
    with later(0.8, lambda: shop.sql(kill)), pytest.raises(GateError, match="terminating connection"):
        apply_plan(release, plan, NOT_REHEARSED)
    assert "status" not in columns(shop)


@pytest.mark.parametrize(
    ("point", "committed"),
    [
        ("apply:recorded", False),
        ("apply:after-statement#2", False),
        ("apply:before-commit", False),
        ("apply:committed", True),
        ("apply:applied-recorded", True),
    ],
)
def test_after_a_kill_the_next_run_finds_out_and_finishes(shop: Shop, point: str, *, committed: bool):
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\nupdate orders set status = 'old';")
    release = shop.release(plan)
    assert dies_at(point, "apply", shop, release.id, plan, NOT_REHEARSED)
    assert ("status" in columns(shop)) is committed
    applied = apply_plan(shop.open(release.id), plan, NOT_REHEARSED, patience=Patience(before_ending=0.1, pause=0.1))
    assert shop.sql("select distinct status from orders") == [("old",)]
    assert len(shop.sql("select 1 from drizzle.__drizzle_migrations")) == 2
    assert applied.ledger_head == shop.plan().ledger_head


def test_a_terminated_process_cancels_its_statement_and_leaves_nothing_behind(shop: Shop):
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\nselect pg_sleep(20);")
    release = shop.release(plan, policy={"apply": {**QUICK["apply"], "statement_timeout_floor_ms": 20000}})
    child = run_step("apply", shop, release, plan, NOT_REHEARSED)
    sleeping = (
        f"select 1 from pg_stat_activity where application_name = 'gate apply {release.id}' and query ~ 'pg_sleep'"
    )
    wait_until(lambda: bool(shop.sql(sleeping)))
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) != 0
    wait_until(lambda: not shop.sql(sleeping), seconds=2)
    assert "status" not in columns(shop)
