"""Plans in segments against real PostgreSQL: what a failure leaves, what is found again, and every way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.statement_rows import StatementRows
from tasks.gate.errors import GateError, NotRecovered, Refused
from tasks.gate.plan import Plan
from tasks.gate.production import Standing
from tasks.gate.recovery import Rung
from tasks.gate.rehearsal import RehearsedStatement, RollbackRehearsal
from tasks.leftovers import remove_leftovers
from tasks.probe_production import settle_production
from tasks.recover import recover
from tasks.statement_failures import StatementFailed
from tests.integration.releasing import ADD_COLUMN, DROP_COLUMN, NOT_REHEARSED, Shop, kinds, later, open_shop
from tests.integration.step_process import dies_at

UNIQUE = "create unique index concurrently orders_total on orders (total);"
PLAIN = "create index concurrently if not exists orders_note on orders (note);"
PROVED = RollbackRehearsal(
    available=True, ran=True, schema_equal=True, data_equal=True, ledger_equal=True, again=True, sentence="it holds"
)
PARTLY_PROVED = NOT_REHEARSED.model_copy(update={"partial": (PROVED,)})
PATIENT = {"apply": {"lock_timeout_ms": 60, "patient_lock_timeout_ms": 300, "attempts": 3, "max_wait_seconds": 20}}


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def rows(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.sql(
        "select segment, tag, statement, finished_at is not null, undone_at is not null"
        " from gate.statements order by 1, 3"
    )


def valid(shop: Shop, index: str) -> bool | None:
    found = shop.sql(f"select indisvalid from pg_index where indexrelid = to_regclass('{index}')")
    return bool(found[0][0]) if found else None


def ledger(shop: Shop) -> int:
    return int(shop.sql("select count(*) from drizzle.__drizzle_migrations")[0][0])


def begun(shop: Shop, plan: Plan, release: str, number: int) -> None:
    """What a process leaves that died right after it sent the statement of a segment."""
    segment = plan.segments[number - 1]
    statement = segment.statements[0]
    with postgres.connect(shop.url, purpose="test") as connection:
        found = StatementRows(release)
        found.create(connection)
        found.start(connection, segment, statement)


def test_a_role_for_one_transaction_of_a_cut_plan_keeps_nobody_from_writing_how_far_it_got(shop: Shop):
    shop.sql("create role somebody; grant create on schema public to somebody; grant somebody to current_user")
    plan = shop.plan(f"begin; set local role somebody; create table theirs (id int); commit; {UNIQUE}", ADD_COLUMN)
    apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert [finished for *_, finished, _ in rows(shop)] == [True] * 4
    assert ledger(shop) == 3
    assert shop.sql("select tableowner::text from pg_tables where tablename = 'theirs'") == [("somebody",)]
    shop.sql("drop owned by somebody; drop role somebody")


def test_each_segment_is_in_with_its_rows_and_the_record_says_which_was_tried(shop: Shop):
    plan = shop.plan(ADD_COLUMN, PLAIN)
    release = shop.release(plan)
    applied = apply_plan(release, plan, NOT_REHEARSED)
    assert applied.sentence.startswith("2 segments in: 2 statements ran in ")
    assert rows(shop) == [(1, "0001", 0, True, False), (2, "0002", 0, True, False)]
    assert ledger(shop) == 3
    assert valid(shop, "orders_note")
    tried = [event.body["segment"] for event in release.record.events if event.kind == "applying"]
    assert tried == [1, 2]


def test_a_plan_of_one_transaction_makes_no_schema_of_ours(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select to_regnamespace('gate')") == [(None,)]


def test_an_index_that_fails_leaves_nothing_invalid_and_the_rehearsed_rollback_takes_the_rest_back(shop: Shop):
    shop.sql("update orders set total = 1 where total < 3")
    plan = shop.plan(ADD_COLUMN, UNIQUE, rollbacks=(DROP_COLUMN, "drop index orders_total;"))
    release = shop.release(plan, shop.back_up())
    with pytest.raises(StatementFailed, match=r"0002\.sql, line 1: could not create unique index") as failed:
        apply_plan(release, plan, PARTLY_PROVED)
    _, settled = settle_production(release, plan)
    assert settled.standing is Standing.PARTLY
    assert settled.sentence.startswith("the plan is in production in part: 1 of 2 segments is in")
    recovery = recover(release, plan, PARTLY_PROVED, failed.value)
    assert recovery.rung is Rung.ROLLBACK
    assert valid(shop, "orders_total") is None
    assert recovery.sentence == "production is as before: 1 migration taken back with the rehearsed rollback SQL"
    assert ledger(shop) == 1
    assert rows(shop)[0] == (1, "0001", 0, True, True)
    assert settle_production(release, plan)[1].standing is Standing.UNTOUCHED


def test_without_a_rehearsed_way_back_the_release_halts_and_says_how_far_it_is(shop: Shop):
    shop.sql("update orders set total = 1 where total < 3")
    plan = shop.plan(ADD_COLUMN, UNIQUE)
    release = shop.release(plan, policy={"recovery": {"allow_restore": False}})
    with pytest.raises(StatementFailed) as failed:
        apply_plan(release, plan, NOT_REHEARSED)
    with pytest.raises(NotRecovered, match="no rollback SQL was rehearsed from the middle of the plan") as halted:
        recover(release, plan, NOT_REHEARSED, failed.value)
    assert "1 of 2 segments is in" in halted.value.hint


def test_an_index_that_fails_first_leaves_production_as_it_was(shop: Shop):
    shop.sql("update orders set total = 1 where total < 3")
    plan = shop.plan(UNIQUE, ADD_COLUMN)
    release = shop.release(plan)
    with pytest.raises(StatementFailed) as failed:
        apply_plan(release, plan, NOT_REHEARSED)
    recovery = recover(release, plan, NOT_REHEARSED, failed.value)
    assert (recovery.rung, valid(shop, "orders_total"), ledger(shop)) == (Rung.TRANSACTION, None, 1)


def filling(shop: Shop, then: str) -> Plan:
    """A procedure that commits on its way, called where Drizzle's transaction is over."""
    shop.sql("create table visited (id int); create sequence calls")
    body = f"perform nextval('calls'); insert into visited values (1); commit; perform {then}; commit;"
    return shop.plan(
        f"create procedure fill() language plpgsql as $$ begin {body} end $$;",
        f"commit; call fill(); begin; {ADD_COLUMN}",
    )


def test_a_procedure_that_commits_on_its_way_runs_by_itself_and_once(shop: Shop):
    plan = filling(shop, "1")
    assert [s.alone.words if s.alone else "" for s in plan.segments] == ["", "CALL fill", ""]
    apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select last_value::int, (select count(*) from visited)::int from calls") == [(1, 1)]
    assert ledger(shop) == 3


def test_a_procedure_that_failed_on_its_way_is_not_called_again(shop: Shop):
    plan = filling(shop, "1 / 0")
    release = shop.release(plan)
    for said in ("division by zero", "CALL fill of 0002 was begun, it commits on its way, and nobody can tell"):
        with pytest.raises(GateError, match=said):
            apply_plan(release, plan, NOT_REHEARSED)
    assert shop.sql("select last_value::int, (select count(*) from visited)::int from calls") == [(1, 1)]
    assert settle_production(release, plan)[1].standing is Standing.UNKNOWN


def test_an_invalid_index_of_a_dead_process_is_dropped_and_built_again_though_if_not_exists_would_hide_it(shop: Shop):
    plan = shop.plan(PLAIN)
    release = shop.release(plan)
    begun(shop, plan, release.id, 1)
    shop.sql("create unique index concurrently other on orders (id)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.sql("create unique index concurrently orders_note on orders ((total > 0))")
    assert valid(shop, "orders_note") is False
    apply_plan(release, plan, NOT_REHEARSED)
    assert valid(shop, "orders_note")
    assert "dropped the INVALID index orders_note" in shop.heard
    assert ledger(shop) == 2


def test_an_index_that_a_dead_process_finished_counts_as_done_when_its_definition_is_the_rehearsed_one(shop: Shop):
    plan = shop.plan(PLAIN.replace("if not exists ", ""))
    release = shop.release(plan)
    begun(shop, plan, release.id, 1)
    shop.sql(plan.segments[0].statements[0].text)
    before = shop.sql("select 'orders_note'::regclass::oid::int")
    definition = shop.sql("select pg_get_indexdef('orders_note'::regclass)")[0][0]
    statement = RehearsedStatement(tag="0001", index=0, sql="", seconds=0, definition=definition)
    applied = apply_plan(release, plan, NOT_REHEARSED.model_copy(update={"statements": (statement,)}))
    assert shop.sql("select 'orders_note'::regclass::oid::int") == before
    assert applied.statements == ()
    assert "CREATE INDEX CONCURRENTLY orders_note: done already" in shop.heard


def test_an_index_that_somebody_built_by_hand_fails_the_release_and_is_not_taken_for_its_own(shop: Shop):
    plan = shop.plan(ADD_COLUMN, PLAIN.replace("if not exists ", ""))
    release = shop.release(plan, policy={"recovery": {"allow_restore": False}})
    shop.sql("create index orders_note on orders (note)")
    with pytest.raises(
        StatementFailed, match=r'0002\.sql, line 1: relation "orders_note" already exists \(42P07\)'
    ) as failed:
        apply_plan(release, plan, NOT_REHEARSED)
    assert rows(shop) == [(1, "0001", 0, True, False)]
    with pytest.raises(NotRecovered):
        recover(release, plan, NOT_REHEARSED, failed.value)
    assert valid(shop, "orders_note")


def test_if_not_exists_over_another_definition_is_a_failure_and_not_a_success(shop: Shop):
    shop.sql("create index orders_note on orders (note desc)")
    plan = shop.plan(PLAIN)
    rehearsed = "CREATE INDEX orders_note ON public.orders USING btree (note)"
    statement = RehearsedStatement(tag="0001", index=0, sql="", seconds=0, definition=rehearsed)
    with pytest.raises(StatementFailed, match=r"the index orders_note is not as the rehearsal built it.*note DESC"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED.model_copy(update={"statements": (statement,)}))
    assert ledger(shop) == 1


def test_an_index_waits_for_an_old_transaction_and_tries_again_without_its_leftover(shop: Shop):
    plan = shop.plan(PLAIN)
    release = shop.release(plan, policy=PATIENT)
    with postgres.connect(shop.url, purpose="nightly report") as report:
        report.execute("begin isolation level repeatable read; select count(*) from orders")
        release.say = lambda sentence: (shop.heard.append(sentence), report.execute("rollback"))
        applied = apply_plan(release, plan, NOT_REHEARSED)
    assert applied.attempts == 2
    assert "dropped the INVALID index orders_note" in shop.heard
    assert any("held by pid" in said and "gate nightly report" in said for said in shop.heard)
    assert valid(shop, "orders_note")


def test_a_session_that_is_lost_during_an_index_is_settled_by_the_catalog(shop: Shop):
    plan = shop.plan("create table notes (id int);", PLAIN)
    release = shop.release(plan)
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gate apply%'"
        " and query like 'create index%'"
    )
    with postgres.connect(shop.url, purpose="nightly report") as report:
        report.execute("begin isolation level repeatable read; select count(*) from orders")
        slow = {"apply": {**PATIENT["apply"], "patient_lock_timeout_ms": 20_000}}
        release = shop.open(release.id, {**slow, "recovery": {"allow_restore": False}})
        with later(1.0, lambda: shop.sql(kill)), pytest.raises(GateError) as failed:
            apply_plan(release, plan, NOT_REHEARSED)
        report.execute("rollback")
    with pytest.raises(NotRecovered):
        recover(release, plan, NOT_REHEARSED, failed.value)
    assert "dropped the INVALID index orders_note" in shop.heard
    assert valid(shop, "orders_note") is None
    assert kinds(release)[-1] != "applied"


def test_a_ledger_that_somebody_writes_between_two_segments_stops_the_plan(shop: Shop):
    plan = shop.plan(ADD_COLUMN, PLAIN, "create table notes (id int);")
    release = shop.release(plan)
    stranger = "insert into drizzle.__drizzle_migrations (hash, created_at) values ('stranger', 5)"
    shop.sql(
        "create function stranger() returns event_trigger language plpgsql as"
        f" $$ begin if tg_tag = 'CREATE INDEX' then {stranger}; end if; end $$;"
        "create event trigger stranger on ddl_command_end execute function stranger();"
    )
    with pytest.raises(GateError, match=r"changed between two segments of the plan|neither"):
        apply_plan(release, plan, NOT_REHEARSED)
    assert shop.sql("select to_regclass('notes')") == [(None,)]
    assert settle_production(release, plan)[1].standing is Standing.UNKNOWN


def test_what_a_segment_sets_in_the_session_is_set_again_by_whoever_goes_on(shop: Shop):
    plan = shop.plan(
        "create schema other; create schema apart; set search_path to other, public; set app.tenant = 'ours'; commit;"
        "begin; set local search_path to apart; set local app.tenant = 'theirs'; create table there (id int); commit;",
        PLAIN,
        "create table here as select current_setting('app.tenant') as tenant;",
    )
    release = shop.release(plan)
    assert dies_at("alone:started", "apply", shop, release.id, plan, NOT_REHEARSED)
    apply_plan(shop.open(release.id), plan, NOT_REHEARSED)
    assert shop.sql("select tenant, to_regclass('apart.there') is not null from other.here") == [("ours", True)]


def test_what_an_index_left_is_found_where_the_search_path_of_the_plan_had_put_it(shop: Shop):
    shop.sql("create schema other; create table other.stock (code int); create table stock (code int)")
    shop.sql("insert into other.stock values (1), (1)")
    plan = shop.plan("set search_path to other, public;", "create unique index concurrently codes on stock (code);")
    release = shop.release(plan)
    with pytest.raises(StatementFailed, match="could not create unique index"):
        apply_plan(release, plan, NOT_REHEARSED)
    said = settle_production(release, plan)[1].sentence
    assert said.endswith("CREATE INDEX CONCURRENTLY codes of 0002 was begun (it is there unfinished)")
    remove_leftovers(release, plan, NOT_REHEARSED)
    assert valid(shop, "other.codes") is None


def test_a_table_of_somebody_elses_in_our_place_is_left_alone(shop: Shop):
    shop.sql("create schema gate; create table gate.statements (id int)")
    plan = shop.plan(PLAIN)
    with pytest.raises(Refused, match=r"gate\.statements in production is a table of somebody else's"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert valid(shop, "orders_note") is None
