"""The apply against real PostgreSQL: limits, blockers named, and an answer to every way in which it can end."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.apply_attempt import ApplyFailed
from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import Declined, GateError, Refused
from tasks.gate.rehearsal import RehearsedStatement
from tests.equality.sample import BREAK
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, QUICK, Shop, kinds, later, open_shop


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def columns(shop: Shop) -> list[str]:
    rows = shop.sql(
        "select attname::text from pg_attribute where attrelid = 'orders'::regclass and attnum > 0 and not attisdropped"
    )
    return [name for (name,) in rows]


def test_a_plan_is_applied_with_its_ledger_rows_and_written_down(shop: Shop):
    plan = shop.plan(ADD_COLUMN, "create table notes (id int primary key);")
    release = shop.release(plan)
    applied = apply_plan(release, plan, shop.rehearsal(plan))
    assert applied.sentence.startswith("2 statements committed in ")
    assert "status" in columns(shop)
    rows = shop.sql("select hash, created_at from drizzle.__drizzle_migrations order by id")
    assert rows[1:] == [(m.hash, m.created_at) for m in plan.pending]
    assert applied.attempts == 1
    assert applied.xid
    assert [s.tag for s in applied.statements] == ["0001", "0002"]
    assert kinds(release)[-2:] == ["applying", "applied"]


def test_an_apply_that_the_record_holds_is_not_done_again(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    first = apply_plan(release, plan, shop.rehearsal(plan))
    assert apply_plan(release, plan, NOT_REHEARSED) == first
    assert kinds(release).count("applying") == 1


def test_a_failing_statement_leaves_production_as_it_was_and_is_named(shop: Shop):
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\nselect 1/0;")
    release = shop.release(plan)
    with pytest.raises(GateError, match=r"0001\.sql, statement 2 \(line \d\): division by zero") as failed:
        apply_plan(release, plan, NOT_REHEARSED)
    assert "status" not in columns(shop)
    assert failed.value.nouns["transaction"]
    assert kinds(release)[-1] == "applying"


def test_whoever_blocks_is_named_and_waited_for_with_pauses(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    with postgres.connect(shop.url, purpose="nightly report") as reader:
        reader.execute("begin; lock table orders in access share mode")
        pid = reader.info.backend_pid
        release.say = lambda sentence: (shop.heard.append(sentence), reader.execute("rollback"))
        applied = apply_plan(release, plan, NOT_REHEARSED)
    assert applied.attempts == 2
    assert applied.sentence.endswith(", at attempt 2")
    assert f"held by pid {pid} (gate nightly report" in shop.heard[0]
    assert "attempt 1 of 4: 0001.sql" in shop.heard[0]
    assert "lock timeout" in shop.heard[0]
    assert kinds(release).count("applying") == 2


def test_the_apply_gives_up_within_its_bounds_and_says_who_is_in_the_way(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan, policy={"apply": {"lock_timeout_ms": 50, "attempts": 2, "max_wait_seconds": 20}})
    with postgres.connect(shop.url, purpose="nightly report") as reader:
        reader.execute("begin; lock table orders in access share mode")
        with pytest.raises(ApplyFailed, match=r"gave up after 2 attempts in .*gate nightly report") as failed:
            apply_plan(release, plan, NOT_REHEARSED)
    assert failed.value.hint == "let that session end, then start again; nothing was committed"
    assert "status" not in columns(shop)


@pytest.mark.parametrize(
    ("policy", "ended"),
    [
        ({"end_blockers": "idle-in-transaction", "end_blockers_after_seconds": 0}, True),
        ({"end_blockers": "idle-in-transaction", "end_blockers_after_seconds": 600}, False),
        ({"end_blockers": "never", "end_blockers_after_seconds": 0}, False),
    ],
)
def test_a_blocker_is_ended_only_where_the_policy_says_so_and_that_is_recorded(
    shop: Shop, policy: dict[str, Any], *, ended: bool
):
    shop.sql(f"alter database {shop.name} set datestyle = 'German'")  # who blocks is seen there as anywhere
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan, policy={"apply": {**QUICK["apply"], "attempts": 2, **policy}})
    waiting: list[str] = []
    release.progress = waiting.append
    with closing(postgres.connect(shop.url, purpose="nightly report")) as reader:
        reader.execute("begin; lock table orders in access share mode")
        pid = reader.info.backend_pid
        if ended:
            assert apply_plan(release, plan, NOT_REHEARSED).attempts == 2
        else:
            with pytest.raises(ApplyFailed, match="gave up after 2 attempts"):
                apply_plan(release, plan, NOT_REHEARSED)
    assert any(f"waiting for a lock that is held by pid {pid} (gate nightly report" in said for said in waiting)
    noted = [str(event.body["sentence"]) for event in release.record.events if event.kind == "noted"]
    assert [said.startswith(f"ending pid {pid} (gate nightly report") for said in noted] == [True] * ended
    assert any(said.startswith(f"ended pid {pid}") for said in shop.heard) is ended


def test_a_session_that_runs_the_very_statements_of_the_plan_is_not_raced(shop: Shop):
    plan = shop.plan("insert into visits (path) values ('/once');")
    release = shop.release(plan, policy={"apply": {"lock_timeout_ms": 50, "attempts": 1, "max_wait_seconds": 20}})
    with postgres.connect(shop.url, purpose="test") as other:
        other.execute("set application_name = 'app'; begin")
        other.execute(plan.pending[0].statements[0].encode())
        with pytest.raises(ApplyFailed, match=r"somebody else may be migrating this database: pid .*\(app, "):
            apply_plan(release, plan, NOT_REHEARSED)
        other.execute("commit")
    assert shop.sql("select count(*) from visits where path = '/once'") == [(1,)]


def test_a_session_that_asked_the_ledger_a_moment_ago_is_waited_for_until_it_goes_on(shop: Shop):
    plan = shop.plan("create table notes (id int primary key);")
    release = shop.release(plan, policy={"apply": {**QUICK["apply"], "lock_timeout_ms": 3000}})
    with postgres.connect(shop.url, purpose="test") as other:
        other.execute("set application_name = 'app'; select 1")
        other.execute("select id, hash, created_at from drizzle.__drizzle_migrations order by created_at desc limit 1")
        began = time.monotonic()
        with later(0.7, lambda: other.execute("select 'nothing to do'")):
            assert apply_plan(release, plan, NOT_REHEARSED).attempts == 1
        assert time.monotonic() - began >= 0.7


def test_a_statement_that_changes_the_role_where_no_parser_sees_it_is_stopped(shop: Shop):
    shop.sql("create role somebody; grant somebody to current_user")
    plan = shop.plan("do $$ begin execute 'set ' || 'role somebody'; end $$;", "create table notes (id int);")
    with pytest.raises(ApplyFailed, match="statement 1 of 0001 changed role to somebody for everything that comes"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select to_regclass('notes')") == [(None,)]
    shop.sql("drop role somebody")


def test_a_role_that_a_file_takes_and_gives_back_owns_what_it_makes_there(shop: Shop):
    shop.sql("create role somebody; grant create on schema public to somebody; grant somebody to current_user")
    plan = shop.plan(
        BREAK.join(["set role somebody;", "create table theirs (id int);", "reset role;"]),
        "do $$ begin set local role somebody; create table theirs_too (id int); reset role; end $$;",
        "create table ours (id int); set local role somebody; reset role;",
    )
    assert apply_plan(shop.release(plan), plan, NOT_REHEARSED).sentence.startswith("5 statements committed in ")
    owners = "select tablename::text, tableowner = 'somebody' from pg_tables where tablename ~ 'theirs|ours' order by 1"
    assert shop.sql(owners) == [("ours", False), ("theirs", True), ("theirs_too", True)]
    assert shop.sql("select count(*) from drizzle.__drizzle_migrations") == [(4,)]
    shop.sql("drop owned by somebody; drop role somebody")


def test_a_role_that_stays_fails_where_it_may_not_write_the_ledger_as_with_drizzle(shop: Shop):
    shop.sql("create role somebody; grant somebody to current_user")
    plan = shop.plan("set role somebody;", "create table notes (id int);")
    said = "the ledger row of 0001, which SET ROLE somebody of 0001.sql leaves to that role: permission denied for"
    with pytest.raises(GateError, match=said):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select to_regclass('notes')") == [(None,)]
    shop.sql("drop role somebody")


def test_a_ledger_that_somebody_holds_is_waited_for_too(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    with postgres.connect(shop.url, purpose="drizzle") as other:
        other.execute("begin; lock table drizzle.__drizzle_migrations in access exclusive mode")
        release = shop.release(plan)
        release.say = lambda _sentence: other.execute("rollback")
        applied = apply_plan(release, plan, NOT_REHEARSED)
    assert applied.attempts == 2


def test_another_migrator_in_the_middle_of_its_work_is_not_raced(shop: Shop):
    plan = shop.plan("create table notes (id int primary key);")
    release = shop.release(plan, policy={"apply": {"lock_timeout_ms": 50, "attempts": 1, "max_wait_seconds": 20}})
    with postgres.connect(shop.url, purpose="by hand") as other:
        other.execute("begin; create table theirs (id int)")
        with pytest.raises(ApplyFailed, match=r"somebody else may be migrating this database: pid .*gate by hand"):
            apply_plan(release, plan, NOT_REHEARSED)
    assert shop.sql("select to_regclass('notes')") == [(None,)]


def test_an_ordinary_writer_does_not_hold_the_release_up(shop: Shop):
    plan = shop.plan("create table notes (id int primary key);")
    with postgres.connect(shop.url, purpose="application") as writer:
        writer.execute("begin; insert into visits (path) values ('/slow')")
        assert apply_plan(shop.release(plan), plan, NOT_REHEARSED).attempts == 1
        writer.execute("commit")


def test_a_statement_gets_the_limits_of_its_rehearsal_even_after_one_that_changes_them(shop: Shop):
    ask = "insert into limits values (current_setting('lock_timeout'), current_setting('statement_timeout'));"
    shop.sql("create table limits (locks text, statements text)")
    plan = shop.plan("set lock_timeout = 0; set statement_timeout = 0;--> statement-breakpoint\n" + ask)
    slow = NOT_REHEARSED.model_copy(
        update={"statements": (RehearsedStatement(tag="0001", index=1, sql=ask, seconds=2.0),)}
    )
    apply_plan(shop.release(plan), plan, slow)
    assert shop.sql("select * from limits") == [("60ms", "6s")]


def test_limits_that_a_piece_sets_for_itself_end_with_the_statement_that_sets_them(shop: Shop):
    shop.sql("create table limits (locks text)")
    plan = shop.plan("set lock_timeout = 0; insert into limits values (current_setting('lock_timeout'));")
    apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert shop.sql("select * from limits") == [("60ms",)]


def test_a_statement_far_slower_than_its_rehearsal_is_ended(shop: Shop):
    plan = shop.plan("select pg_sleep(30);")
    release = shop.release(plan, policy={"apply": {**QUICK["apply"], "statement_timeout_floor_ms": 200}})
    with pytest.raises(GateError, match="statement timeout"):
        apply_plan(release, plan, NOT_REHEARSED)


def test_a_deferred_constraint_that_fails_at_commit_is_no_success(shop: Shop):
    shop.sql("create table parts (order_id bigint references orders deferrable initially deferred)")
    plan = shop.plan(ADD_COLUMN + "--> statement-breakpoint\ninsert into parts values (-1);")
    release = shop.release(plan)
    with pytest.raises(GateError, match=r"COMMIT of the migrations: .*violates foreign key"):
        apply_plan(release, plan, NOT_REHEARSED)
    assert "status" not in columns(shop)
    assert "applied" not in kinds(release)


def test_a_ledger_written_since_the_plan_stops_the_apply(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    shop.sql("insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 1500)")
    with pytest.raises(Refused, match="changed since the plan was made"):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)
    assert "status" not in columns(shop)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ({"system_identifier": "42"}, "of cluster 42, found"),
        ({"database_oid": 7}, r"\(oid 7\)"),
        ({"timeline": 9}, "a failover happened since the plan was made"),
    ],
)
def test_another_database_or_a_failover_refuses_the_apply(shop: Shop, spoil: dict[str, object], sentence: str):
    plan = shop.plan(ADD_COLUMN)
    plan = plan.model_copy(update={"identity": plan.identity.model_copy(update=spoil)})
    with pytest.raises(Refused, match=sentence):
        apply_plan(shop.release(plan), plan, NOT_REHEARSED)


def test_nothing_runs_without_a_proved_backup_or_with_an_approval_of_another_plan(shop: Shop):
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan)
    release.record.append("backed_up", {"backup": "backup-20261123-150000"})
    with pytest.raises(Refused, match="no proved backup: backup-20261123-150000 is not proved"):
        apply_plan(release, plan, NOT_REHEARSED)
    other = shop.plan(ADD_COLUMN, "select 1;")
    with pytest.raises(Refused, match="no valid approval of this plan: the request was for plan"):
        apply_plan(shop.release(plan), other, NOT_REHEARSED)
    late = shop.release(plan)
    late.now = lambda: datetime.now(UTC) + timedelta(hours=2)
    with pytest.raises(Declined, match="but the approval expired at"):
        apply_plan(late, plan, NOT_REHEARSED)
    assert "status" not in columns(shop)
