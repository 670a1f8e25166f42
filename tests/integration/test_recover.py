"""Recovery against real PostgreSQL: each rung, what follows when one does not hold, and a crash at every line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import GateError, NotRecovered
from tasks.gate.plan import Plan
from tasks.gate.recovery import Rung
from tasks.gate.rehearsal import Rehearsal
from tasks.probe_production import Patience
from tasks.recover import recover
from tasks.release import Release
from tests.integration.releasing import ADD_COLUMN, DROP_COLUMN, NOT_REHEARSED, Shop, kinds, later, open_shop
from tests.integration.step_process import dies_at
from tests.servers.proxy import Cut, breaking_wire

NOT_WELL = GateError("the application is not well")
QUICKLY = Patience(unreachable=1, before_ending=0.1, pause=0.05)


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def contents(shop: Shop) -> tuple[object, ...]:
    """What production holds, columns and ledger included."""
    columns = shop.sql(
        "select attname::text from pg_attribute where attrelid = 'orders'::regclass and not attisdropped"
    )
    ledger = shop.sql("select hash, created_at from drizzle.__drizzle_migrations order by id")
    rows = [
        shop.sql(f"select md5(string_agg(t::text, ' ' order by t::text)) from {t} t")
        for t in ("orders", "customers", "visits")
    ]
    return columns, ledger, rows


def failed_release(
    shop: Shop, *texts: str, rollbacks: tuple[str, ...] = (), **options: object
) -> tuple[Release, Plan, Rehearsal]:
    """A release with a backup whose plan is in production."""
    plan = shop.plan(*(texts or (ADD_COLUMN,)), rollbacks=rollbacks)
    rehearsal = shop.rehearsal(plan, rollback=bool(rollbacks))
    release = shop.release(plan, shop.back_up(), **options)
    apply_plan(release, plan, rehearsal)
    return release, plan, rehearsal


def test_what_was_never_committed_needs_no_way_back(shop: Shop):
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\nselect 1/0;")
    release, before = shop.release(plan), contents(shop)
    with pytest.raises(GateError, match="division by zero") as failure:
        apply_plan(release, plan, NOT_REHEARSED)
    recovery = recover(release, plan, NOT_REHEARSED, failure.value)
    assert recovery.rung is Rung.TRANSACTION
    assert recovery.sentence == "production is as before: the transaction was rolled back, nothing was committed"
    assert contents(shop) == before
    assert kinds(release)[-2:] == ["recovering", "recovered"]
    assert recover(release, plan, NOT_REHEARSED, failure.value) == recovery


def test_the_rehearsed_rollback_is_the_first_way_back(shop: Shop):
    before = contents(shop)
    create = "create table reviews (id int);"
    release, plan, rehearsal = failed_release(shop, ADD_COLUMN, create, rollbacks=(DROP_COLUMN, "drop table reviews;"))
    shop.sql("insert into reviews select generate_series(1, 12)")
    recovery = recover(release, plan, rehearsal, NOT_WELL)
    assert recovery.rung is Rung.ROLLBACK
    assert recovery.sentence == (
        "production is as before: 2 migrations taken back with the rehearsed rollback SQL; "
        "with it went public.reviews (12 rows)"
    )
    assert contents(shop) == before
    assert shop.databases() == [shop.name]


def test_rollback_sql_that_does_not_lead_back_is_not_called_as_before(shop: Shop):
    release, plan, rehearsal = failed_release(shop, rollbacks=("alter table orders drop column note;",))
    with pytest.raises(NotRecovered, match="the ledger is as before, but the schema is not") as halted:
        recover(release, plan, rehearsal, NOT_WELL)
    assert "+    status text" in halted.value.message
    assert "gate restore backup-" in halted.value.hint
    assert halted.value.__cause__ is NOT_WELL


def test_a_rollback_whose_reply_is_lost_is_settled(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop, rollbacks=(DROP_COLUMN,))
    with breaking_wire(shop.url, cut=Cut.REPLY) as wire:
        again = shop.open(release.id, url=wire.url)
        assert recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY).rung is Rung.ROLLBACK
        assert wire.broken.is_set()
    assert contents(shop) == before


def test_a_session_that_is_lost_during_the_rollback_is_no_verdict_on_it(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop, rollbacks=(DROP_COLUMN,))
    with breaking_wire(shop.url, at=b"drop column status", cut=Cut.BEFORE) as wire:
        again = shop.open(release.id, url=wire.url)
        assert recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY).rung is Rung.ROLLBACK
        assert wire.broken.is_set()
    assert contents(shop) == before
    assert any("the plan is still applied, again" in said for said in shop.heard)


@pytest.mark.long("KILL_MATRIX", "make kill-matrix")
def test_a_commit_of_the_rollback_that_never_arrived_is_tried_again(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop, rollbacks=(DROP_COLUMN,))
    with breaking_wire(shop.url, cut=Cut.BEFORE) as wire:
        again = shop.open(release.id, url=wire.url)
        assert recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY).rung is Rung.ROLLBACK
        assert wire.broken.is_set()
    assert contents(shop) == before


def test_a_rollback_whose_session_is_ended_every_time_stops_without_a_restore(shop: Shop):
    ends = "select pg_terminate_backend(pg_backend_pid());"
    few = {"apply": {"lock_timeout_ms": 50, "attempts": 2, "max_wait_seconds": 5}}
    release, plan, rehearsal = failed_release(shop, rollbacks=(ends + DROP_COLUMN,), policy=few)
    shop.sql("insert into visits (path) values ('/late')")
    with pytest.raises(NotRecovered, match="the session of the rollback was lost 2 times") as halted:
        recover(release, plan, rehearsal, NOT_WELL, patience=QUICKLY)
    assert f"gate resume {release.id}" in halted.value.hint
    assert shop.sql("select count(*) from visits") == [(21,)]
    assert shop.databases() == [shop.name]
    assert [e.body["rung"] for e in release.record.events if e.kind == "recovering"] == ["rollback"]


def test_before_a_larger_way_back_is_chosen_production_is_asked_again(shop: Shop):
    release, plan, rehearsal = failed_release(shop, rollbacks=("drop table never_there;",))
    with breaking_wire(shop.url, at=b"never_there", cut=Cut.REPLY) as wire:
        wire.then = wire.down.set
        again = shop.open(release.id, url=wire.url)
        with pytest.raises(NotRecovered, match="cannot") as halted:
            recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY)
    assert f"gate resume {release.id}" in halted.value.hint
    assert shop.databases() == [shop.name]


def test_rollback_sql_that_fails_in_production_leads_to_the_restore(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop, rollbacks=("drop table never_there;",))
    recovery = recover(release, plan, rehearsal, NOT_WELL)
    assert recovery.rung is Rung.RESTORE
    rungs = [(e.body["rung"], e.body["sentence"]) for e in release.record.events if e.kind == "recovering"]
    assert [rung for rung, _ in rungs] == ["rollback", "restore"]
    assert (
        'the rollback SQL failed in production (rollback/0001.sql: table "never_there" does not exist)' in rungs[1][1]
    )
    assert contents(shop) == before


def test_the_restore_brings_everything_back_and_accounts_for_what_was_written_since(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop)
    shop.sql(
        "insert into orders (customer, note) select 1, 'late' from generate_series(1, 30);"
        "update customers set name = 'renamed' where id <= 5; delete from orders where id = 9;"
        "insert into visits (path) values ('/late'), ('/late')"
    )
    last = shop.sql("select last_value from orders_id_seq")
    recovery = recover(release, plan, rehearsal, NOT_WELL)
    assert recovery.rung is Rung.RESTORE
    failed = f"{shop.name}_failed_{release.id}"
    assert recovery.failed_database == failed
    assert recovery.sentence.startswith(f"production is as before: {shop.name} is the restored database now, ")
    assert recovery.sentence.endswith(
        f"37 rows written since the backup are only in {failed} (orders 30, customers 5 and visits 2)"
        "; 1 row deleted since the backup came back (orders 1)"
    )
    assert contents(shop) == before
    assert shop.databases() == [shop.name, failed]
    assert shop.sql("select last_value from orders_id_seq") == last
    assert shop.sql("select count(*) from orders", failed) == [(529,)]
    assert kinds(release)[-5:] == ["recovering", "restored_beside", "swapping", "swapped", "recovered"]


@pytest.mark.long("KILL_MATRIX", "make kill-matrix")
def test_production_that_is_away_after_the_exchange_is_not_called_the_failed_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop)
    with breaking_wire(shop.url, at=b"gate verify", cut=Cut.BEFORE) as wire:
        wire.then = wire.down.set
        again = shop.open(release.id, url=wire.url)
        with monkeypatch.context() as short:
            short.setattr("tasks.in_place.AWAY_S", 0.3)
            with pytest.raises(NotRecovered, match="the restored database is in place, but cannot connect") as halted:
                recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY)
    assert f"gate resume {release.id}" in halted.value.hint
    with breaking_wire(shop.url, at=b"gate verify", cut=Cut.BEFORE) as wire:  # away for a moment only
        wire.then = wire.down.set
        with later(2, wire.down.clear):
            again = shop.open(release.id, url=wire.url)
            assert recover(again, plan, rehearsal, NOT_WELL, patience=QUICKLY).rung is Rung.RESTORE
        assert wire.broken.is_set()
    assert contents(shop) == before


def test_without_any_rung_that_holds_a_person_is_called_with_the_first_failure_as_cause(shop: Shop):
    release, plan, rehearsal = failed_release(shop, policy={"recovery": {"allow_restore": False}})
    with pytest.raises(NotRecovered) as halted:
        recover(release, plan, rehearsal, NOT_WELL)
    assert (
        halted.value.message == "no rollback SQL was proved in the rehearsal, and the policy does not allow a restore"
    )
    assert "fix forward, or `gate restore backup-" in halted.value.hint
    assert halted.value.__cause__ is NOT_WELL


def test_a_damaged_backup_leaves_production_open_and_says_why(shop: Shop):
    release, plan, rehearsal = failed_release(shop)
    (dump,) = [e.key for e in shop.store.keys("shop/backups/") if "/dump" in e.key]
    body = bytearray(shop.store.read(dump))
    body[len(body) // 2] ^= 4
    shop.store.delete(dump)
    shop.store.create(dump, bytes(body))
    with pytest.raises(NotRecovered, match=r"the restore failed \(.*") as halted:
        recover(release, plan, rehearsal, NOT_WELL)
    assert halted.value.__cause__ is NOT_WELL
    assert shop.sql("select count(*) from orders") == [(500,)]
    assert shop.databases() == [shop.name]


def test_another_backup_than_the_proved_one_is_never_used(shop: Shop):
    release, plan, rehearsal = failed_release(shop)
    proved = release.record.last("proved")
    assert proved is not None
    release.record.append("proved", {**proved.body, "manifest_sha256": "1" * 64})
    with pytest.raises(NotRecovered, match="is not the one that the release recorded"):
        recover(release, plan, rehearsal, NOT_WELL)
    assert shop.databases() == [shop.name]


def test_a_logical_slot_rules_the_swap_out(shop: Shop):
    release, plan, rehearsal = failed_release(shop)
    shop.sql(f"select pg_create_logical_replication_slot('s_{shop.name}', 'pgoutput')")
    try:
        with pytest.raises(NotRecovered, match=f"would be lost: s_{shop.name}"):
            recover(release, plan, rehearsal, NOT_WELL)
    finally:
        shop.sql(f"select pg_drop_replication_slot('s_{shop.name}')")


def test_a_ledger_that_somebody_else_wrote_is_left_to_a_person(shop: Shop):
    release, plan, rehearsal = failed_release(shop, rollbacks=(DROP_COLUMN,))
    shop.sql("insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 9000)")
    with pytest.raises(NotRecovered, match="neither as before nor as after the plan") as halted:
        recover(release, plan, rehearsal, NOT_WELL)
    assert f"gate resume {release.id}" in halted.value.hint


def killed_in_turn(shop: Shop, release: Release, plan: Plan, rehearsal: Rehearsal, *points: str) -> None:
    """One process after the other takes the recovery up and dies a little later than the one before."""
    for point in points:
        assert dies_at(point, "recover", shop, release.id, plan, rehearsal), point
        assert shop.name in shop.databases(), point


def test_a_rollback_that_is_cut_off_again_and_again_is_finished_by_the_next_run(shop: Shop):
    before = contents(shop)
    release, plan, rehearsal = failed_release(shop, rollbacks=(DROP_COLUMN,))
    killed_in_turn(shop, release, plan, rehearsal, "recover:rollback", "rollback:committed", "recover:done")
    recovery = recover(shop.open(release.id), plan, rehearsal, NOT_WELL, patience=QUICKLY)
    assert recovery.rung is Rung.ROLLBACK
    assert contents(shop) == before


LONG = pytest.mark.long("KILL_MATRIX", "make kill-matrix")  # the acceptance chain kills there as well
BEFORE_THE_SWAP = ("restore:restored", "restore:carried", "swap:recorded")
IN_THE_SWAP = ("swap:closed", "swap:emptied", "swap:sequences", "swap:before-rename")
AFTER_THE_RENAME = ("swap:renamed", "swap:recorded-swapped", "accounts:saved")


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(BEFORE_THE_SWAP, id="before", marks=LONG),
        pytest.param(IN_THE_SWAP, id="in"),
        pytest.param(AFTER_THE_RENAME, id="after", marks=LONG),
    ],
)
def test_a_restore_that_is_cut_off_at_every_line_is_finished_by_the_next_run(shop: Shop, points: tuple[str, ...]):
    before = contents(shop)
    release, plan, _ = failed_release(shop)
    shop.sql("insert into orders (customer, note) select 1, 'late' from generate_series(1, 30)")
    killed_in_turn(shop, release, plan, NOT_REHEARSED, *points)
    recovery = recover(shop.open(release.id), plan, NOT_REHEARSED, NOT_WELL, patience=QUICKLY)
    assert recovery.rung is Rung.RESTORE
    assert "30 rows written since the backup are only in" in recovery.sentence
    assert contents(shop) == before
    assert shop.databases() == [shop.name, f"{shop.name}_failed_{release.id}"]
    with postgres.connect(shop.url, purpose="test") as connection:
        rows = connection.execute("select datallowconn from pg_database where datname = any(%s)", [shop.databases()])
        assert set(rows) == {(True,)}
