"""What production says of itself: each check on a real server that has the trouble, and on one that has not."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients.embedded import EmbeddedServer
from tasks.gate.evidence import Verdict
from tasks.preflight import (
    identity,
    invalid_indexes,
    logical_replication,
    old_transactions,
    other_writers,
    pooler,
    prepared_transactions,
    primary,
)
from tasks.preflight.check import Check
from tasks.preflight.question import Question
from tests.integration.preflight_stage import (
    FIRST,
    migrate,
    only,
    plain_role,
    question_for,
    said,
    session,
    settings_for,
    write_folder,
)
from tests.servers.postgres import FAST
from tests.servers.wire import pooler_like_proxy


@pytest.fixture
def question(production: SecretStr, tmp_path: Path) -> Iterator[Question]:
    migrate(production, only(FIRST))
    with question_for(settings_for(write_folder(tmp_path / "drizzle"), production)) as question:
        yield question


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (primary.CHECK, "it takes writes, timeline 1"),
        (pooler.CHECK, "one server process answers, the one that the server announced"),
        (invalid_indexes.CHECK, "every index is valid"),
        (prepared_transactions.CHECK, "no prepared transaction"),
        (old_transactions.CHECK, "no transaction is older than 1 min"),
        (other_writers.CHECK, "nobody else writes drizzle.__drizzle_migrations or dumps the database"),
        (logical_replication.CHECK, "no logical slot or subscription hangs on the database"),
    ],
)
def test_a_healthy_production_passes(question: Question, check: Check[Question], sentence: str) -> None:
    assert said(check.ask(question)) == (Verdict.PASS, sentence)


def test_the_checks_cannot_write_even_if_they_tried(question: Question) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        question.production().execute("create table written (id int)")


def test_a_database_whose_sessions_begin_read_only_fails(question: Question, production: SecretStr) -> None:
    with session(production) as connection:
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on'.encode())
    assert said(primary.CHECK.ask(question)) == (
        Verdict.FAIL,
        f"sessions of postgres in {name} begin read-only (default_transaction_read_only)",
    )


def test_a_pooler_in_between_is_recognised_by_the_process_that_answers(production: SecretStr, tmp_path: Path) -> None:
    migrate(production, only(FIRST))
    settings = settings_for(write_folder(tmp_path / "drizzle"), production)
    with pooler_like_proxy(production, announces=4242) as through:
        moved = settings.model_copy(update={"production_url": through})
        with question_for(moved) as question:
            verdict, sentence = said(pooler.CHECK.ask(question))
    assert verdict is Verdict.FAIL
    assert sentence.startswith("production is behind a connection pooler: process 4242 was announced, ")


def test_an_invalid_index_fails_with_the_statement_that_mends_it(question: Question, production: SecretStr) -> None:
    with session(production) as connection:
        connection.execute("insert into orders values (1, 'same'), (2, 'same')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently one_note on orders (note)")
    answer = invalid_indexes.CHECK.ask(question)
    assert said(answer) == (Verdict.FAIL, "invalid on production: public.one_note")
    assert answer.evidence == ("public.one_note on orders",)
    assert answer.hint == "REINDEX INDEX CONCURRENTLY public.one_note, or DROP INDEX CONCURRENTLY public.one_note"


def test_an_index_that_waits_for_its_partitions_only_warns(question: Question, production: SecretStr) -> None:
    with session(production) as connection:
        connection.execute("create table days (day date) partition by range (day)")
        connection.execute("create table day_one partition of days for values from ('2026-01-01') to ('2026-01-02')")
        connection.execute("create index by_day on only days (day)")
    assert said(invalid_indexes.CHECK.ask(question)) == (
        Verdict.WARN,
        "not valid yet on every partition: public.by_day",
    )


def test_old_transactions_are_named_with_process_user_application_and_age(
    question: Question, production: SecretStr
) -> None:
    patient = question.policy.model_copy(
        update={"checks": question.policy.checks.model_copy(update={"old_transaction_seconds": 0.0001})}
    )
    question.policy = patient
    with session(production) as connection, connection.transaction():
        connection.execute("select from orders")
        answer = old_transactions.CHECK.ask(question)
        pid = connection.info.backend_pid
    assert answer.verdict is Verdict.WARN
    assert answer.sentence.startswith("1 transaction older than under 1 ms: ")
    assert f"process {pid} of postgres (gate test session), idle in transaction, open for" in answer.evidence[0]


def test_a_role_that_cannot_look_into_other_sessions_says_so(question: Question, production: SecretStr) -> None:
    with plain_role(production) as (name, url):
        question.settings = question.settings.model_copy(update={"production_url": url})
        answer = old_transactions.CHECK.ask(question)
    assert said(answer) == (
        Verdict.WARN,
        "no old transaction among those that can be seen; 1 session of other users cannot be looked into",
    )
    assert answer.hint == f"GRANT pg_monitor TO {name}"


def test_another_writer_of_the_ledger_fails_and_is_named(question: Question, production: SecretStr) -> None:
    with session(production) as connection, connection.transaction():
        connection.execute("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)")
        answer = other_writers.CHECK.ask(question)
        pid = connection.info.backend_pid
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith(
        f"somebody is writing drizzle.__drizzle_migrations now: process {pid} of postgres (gate test session) for "
    )


def test_somebody_who_only_reads_the_ledger_is_no_writer(question: Question, production: SecretStr) -> None:
    with session(production) as connection, connection.transaction():
        connection.execute("select from drizzle.__drizzle_migrations")
        assert other_writers.CHECK.ask(question).verdict is Verdict.PASS


@pytest.mark.parametrize("application", ["pg_dump", "drizzle-kit"])
def test_another_dump_or_drizzles_own_tool_is_named(
    question: Question, production: SecretStr, application: str
) -> None:
    with session(production) as connection:
        connection.execute("select set_config('application_name', %s, false)", [application])
        answer = other_writers.CHECK.ask(question)
        pid = connection.info.backend_pid
    assert answer.verdict is Verdict.WARN
    assert answer.sentence.startswith(f"at work on production: process {pid} of postgres ({application}) for ")


def test_a_logical_slot_warns_that_a_restore_cannot_be_swapped_in(question: Question, production: SecretStr) -> None:
    with session(production) as connection:
        slot = f"feed_{connection.info.backend_pid}"
        connection.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        try:
            answer = logical_replication.CHECK.ask(question)
        finally:
            connection.execute("select pg_drop_replication_slot(%s)", [slot])
    assert said(answer) == (
        Verdict.WARN,
        f"a restore cannot be swapped in while these hang on the database: slot {slot}",
    )


def test_identity_without_an_expectation_tells_what_to_expect(question: Question) -> None:
    answer = identity.CHECK.ask(question)
    assert answer.verdict is Verdict.NOT_CONFIGURED
    assert answer.hint == f'set checks.expected_system_identifier = "{question.identity.system_identifier}"'


@pytest.mark.parametrize("right", [True, False])
def test_identity_is_held_against_what_policy_expects(question: Question, *, right: bool) -> None:
    who = question.identity
    expected = {
        "expected_database": who.database,
        "expected_system_identifier": who.system_identifier if right else "7",
    }
    question.policy = question.policy.model_copy(update={"checks": question.policy.checks.model_copy(update=expected)})
    answer = identity.CHECK.ask(question)
    named = f"database {who.database} of cluster {who.system_identifier}"
    if right:
        assert said(answer) == (Verdict.PASS, f"production is {named}, as gate.toml expects")
    else:
        sentence = f"gate.toml expects cluster 7, and production is on {who.system_identifier}"
        assert said(answer) == (Verdict.FAIL, sentence)


def test_a_database_that_took_the_place_of_the_planned_one_fails(question: Question, staging: SecretStr) -> None:
    question.settings = question.settings.model_copy(update={"production_url": staging})
    answer = identity.CHECK.ask(question)
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith(f"the plan was made for {question.identity.database} of cluster ")


def test_a_targets_name_that_stood_for_another_database_fails(question: Question) -> None:
    crm = question.identity.model_copy(update={"system_identifier": "1", "database": "crm"})
    question.known_as = lambda: crm
    answer = identity.CHECK.ask(question)
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith("the target's name production stood for crm of cluster 1 until now, and is used")
    assert answer.sentence.endswith("two databases must not share a name")


def test_a_restored_database_under_the_same_name_is_still_the_target(question: Question) -> None:
    restored = question.identity.model_copy(update={"database_oid": 1, "timeline": 7})
    question.known_as = lambda: restored
    assert identity.CHECK.ask(question).verdict is Verdict.NOT_CONFIGURED


def test_prepared_transactions_and_a_standby_fail(tmp_path: Path) -> None:
    with EmbeddedServer(settings={**FAST, "max_prepared_transactions": "2"}) as server:
        url = server.create_database("shop")
        migrate(url, only(FIRST))
        settings = settings_for(write_folder(tmp_path / "drizzle"), url)
        with session(url) as connection:
            connection.execute("begin")
            connection.execute("insert into orders values (1, 'x')")
            connection.execute("prepare transaction 'held'")
        with question_for(settings) as question:
            held = prepared_transactions.CHECK.ask(question)
        _make_standby(server)
        with question_for(settings) as question:
            standby = primary.CHECK.ask(question)
    assert held.verdict is Verdict.FAIL
    assert held.sentence.startswith("1 prepared transaction on production: 'held' of postgres, prepared ")
    assert held.hint == "find out whose it is, then COMMIT PREPARED 'held' or ROLLBACK PREPARED 'held'"
    assert said(standby) == (Verdict.FAIL, "production is a standby: it accepts no migration")


def _make_standby(server: EmbeddedServer) -> None:
    signal = server.cluster.data_directory / "standby.signal"
    signal.touch()
    signal.chmod(0o666)  # the server's account, which may be another one, opens it for writing
    server.restart()
