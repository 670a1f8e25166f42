"""Where the flow stops, what that is called: refused, recovered, halted; and what a person can do then."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.attempt import apply_and_verify, halt
from flows.checklist import Checklist
from flows.restoring import bring_back, restore
from flows.terminal import Terminal
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import Declined, Fenced, GateError, NotRecovered, Refused
from tasks.gate.plan import Plan
from tasks.gate.story import HALTED
from tasks.interruption import uninterrupted
from tasks.record import Record
from tasks.release import Release
from tasks.steps.close import close_refused
from tasks.target_log import TargetLog
from tasks.workshop import Workshop
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, Shop, kinds, open_shop
from tests.servers.proxy import Cut, breaking_wire


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def apply(shop: Shop, release: Release, plan: Plan) -> GateError | None:
    with Workshop(release.settings, release.policy, plan.identity) as workshop:
        return apply_and_verify(Checklist(), release, workshop, plan, NOT_REHEARSED, shop.back_up())


def expire(release: Release) -> None:
    asked, approved = release.record.last("asked"), release.record.last("approved")
    assert asked is not None
    assert approved is not None
    release.record.append("asked", {**asked.body, "expires_at": "2026-01-01T00:00:00+00:00"})
    release.record.append("approved", approved.body)  # a yes to an earlier request does not count for this one


def test_an_approval_that_expires_just_before_the_apply_is_not_called_a_recovery(shop: Shop) -> None:
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    expire(release)
    with pytest.raises(Declined, match="the approval expired at 2026-01-01 00:00 UTC; production was not touched"):
        apply(shop, release, plan)
    assert not {"applying", "failed", "recovering"} & set(kinds(release))


def test_a_record_without_a_proof_is_refused_and_nothing_is_recovered(shop: Shop) -> None:
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    release.record.append("backed_up", {"backup": "backup-20261123-150000"})
    with pytest.raises(Refused, match="backup-20261123-150000 is not proved"):
        apply(shop, release, plan)
    assert "failed" not in kinds(release)


def test_a_release_that_is_refused_twice_keeps_the_record_that_the_log_vouches_for(shop: Shop) -> None:
    log = TargetLog(shop.store, "shop")
    log.open_release("20261123-140509-shop-0000aa")
    release = shop.open("20261123-140509-shop-0000aa")
    release.record.append("opened", {"by": "ann"})
    first = close_refused(release, Refused("the backup is damaged"))
    assert close_refused(release, Refused("again")) == first
    assert log.verify(release.id) == ()


def test_whoever_waits_for_a_decision_learns_that_another_process_took_over(shop: Shop) -> None:
    release = shop.release(shop.plan(ADD_COLUMN))
    Record.open(shop.store, "shop", release.id, owner="another").append("claimed", {"by": "bob"})
    release.record.refresh()
    with pytest.raises(Fenced, match="another took over"):
        release.record.refuse_if_taken_over()


def test_a_halted_release_is_ended_by_the_restore_that_its_hint_names(shop: Shop) -> None:
    plan, before = shop.plan(ADD_COLUMN), shop.sql("select count(*) from orders")
    manifest = shop.back_up()
    release = shop.release(plan, manifest)
    TargetLog(shop.store, "shop").open_release(release.id)
    release.record.append("opened", {"by": "ann", "identity": plan.identity.model_dump(mode="json")})
    release.record.append("applying", {"attempt": 1})
    shop.sql(ADD_COLUMN + "delete from orders where id < 100")
    failure = NotRecovered("no way back", hint=f"`gate restore {manifest.id}` by hand")
    assert halt(release, failure, failure).exit_code == 6
    outcome, ended = restore(release.settings, release.policy, shop.store, manifest, Terminal(), another_cluster=False)
    assert (outcome.outcome, outcome.exit_code, ended) == ("restored", 0, release.id)
    assert shop.sql("select count(*) from orders") == before
    assert TargetLog(shop.store, "shop").current() is None
    assert Record.open(shop.store, "shop", release.id).story().state == "restored"


def test_a_restore_of_another_databases_backup_leaves_a_halted_release_as_it_is(shop: Shop) -> None:
    manifest = shop.back_up()
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    TargetLog(shop.store, "shop").open_release(release.id)
    identity = manifest.identity.model_copy(update={"database": "elsewhere"})
    with pytest.raises(Refused, match=f"is of database elsewhere, and GATE_PRODUCTION_URL names {shop.name}"):
        restore(
            release.settings,
            release.policy,
            shop.store,
            manifest.model_copy(update={"identity": identity}),
            Terminal(),
            another_cluster=False,
        )
    assert "restoring" not in kinds(shop.open(release.id))


def test_a_restore_that_the_swap_forbids_leaves_a_halted_release_as_it_is(shop: Shop) -> None:
    plan, manifest = shop.plan(ADD_COLUMN), shop.back_up()
    release = shop.release(plan, manifest)
    TargetLog(shop.store, "shop").open_release(release.id)
    release.record.append("opened", {"by": "ann", "identity": plan.identity.model_dump(mode="json")})
    release.record.append("applying", {"attempt": 1})
    halt(release, NotRecovered("no way back"), NotRecovered("no way back"))
    shop.sql(f"select pg_create_logical_replication_slot('s_{shop.name}', 'pgoutput')")
    try:
        with pytest.raises(Refused, match=f"would be lost: s_{shop.name}; nothing was restored"):
            restore(release.settings, release.policy, shop.store, manifest, Terminal(), another_cluster=False)
    finally:
        shop.sql(f"select pg_drop_replication_slot('s_{shop.name}')")
    record = Record.open(shop.store, "shop", release.id)
    assert record.last("restoring") is None
    assert record.story().state == HALTED


def test_a_restore_is_not_resumed_for_another_database(shop: Shop) -> None:
    release = shop.release(shop.plan(ADD_COLUMN))
    release.record.append("restoring", {"backup": "backup-1", "another_cluster": True, "database": "elsewhere"})
    with (
        Workshop(release.settings, release.policy, shop.plan(ADD_COLUMN).identity) as workshop,
        pytest.raises(Refused, match=f"was begun for database elsewhere, .* names {shop.name}"),
    ):
        bring_back(Checklist(Terminal()), release, workshop)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (b"drop database", "half a restore of this release, cannot be dropped: the connection was lost"),
        (b"analyze\0", "the restored database cannot be analysed: the connection was lost"),
        (b"pg_current_xact_id", "production's server broke off the restore: the connection was lost"),
    ],
)
def test_a_restore_that_the_server_breaks_off_ends_with_a_sentence_and_frees_the_target(
    shop: Shop, at: bytes, said: str
) -> None:
    manifest = shop.back_up()
    with breaking_wire(shop.url, at=at, cut=Cut.BEFORE) as wire:
        release = shop.open("20261123-140509-shop-0000cc", url=wire.url)
        with pytest.raises(GateError, match=said):
            restore(release.settings, release.policy, shop.store, manifest, Terminal(), another_cluster=False)
        assert wire.broken.is_set()
    assert TargetLog(shop.store, "shop").current() is None
    assert shop.sql("select count(*) from orders") == [(500,)]


def test_a_second_ctrl_c_waits_until_production_is_open_again() -> None:
    done: list[str] = []

    def clean_up() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGHUP)
            done.append("opened")

    with pytest.raises(KeyboardInterrupt):
        clean_up()
    assert done == ["opened"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
