"""Locks are read from a second session, however short the statement was, and told for the table that they are about."""

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.lock_trace import HeldLock, LockTrace, strongest
from tasks.clients.postgres import Connection

TABLES = """
create table customers (id int primary key, bio text);
create table orders (id int primary key, customer int references customers, note text);
insert into customers select g, repeat('x', 3000) from generate_series(1, 50) g;
"""


@pytest.fixture
def session(production: SecretStr) -> Iterator[Connection]:
    with postgres.connect(production, purpose="apply") as connection:
        connection.execute(TABLES)
        connection.execute("begin")
        yield connection


@pytest.fixture
def trace(production: SecretStr, session: Connection) -> Iterator[LockTrace]:
    with postgres.connect(production, purpose="watch") as watcher:
        yield LockTrace(watcher, session.info.backend_pid)


def after(session, trace, text):
    session.execute(text)
    return [tuple(lock) for lock in trace.taken()]


def test_each_reading_tells_only_what_is_new(session, trace):
    assert after(session, trace, "select from orders") == [("public.orders", "AccessShareLock")]
    assert after(session, trace, "update orders set note = ''") == [("public.orders", "RowExclusiveLock")]
    assert after(session, trace, "create index on orders (note)") == [("public.orders", "ShareLock")]
    assert after(session, trace, "select from orders") == []


def test_a_weaker_lock_on_top_of_a_stronger_one_is_not_told(session, trace):
    assert after(session, trace, "alter table orders add x int") == [("public.orders", "AccessExclusiveLock")]
    assert after(session, trace, "create index on orders (x)") == []


def test_a_foreign_key_locks_both_tables(session, trace):
    text = "alter table orders add constraint again foreign key (customer) references customers"
    assert after(session, trace, text) == [
        ("public.customers", "ShareRowExclusiveLock"),
        ("public.orders", "ShareRowExclusiveLock"),
    ]


def test_toast_and_indexes_count_for_their_table(session, trace):
    assert after(session, trace, "truncate customers cascade") == [
        ("public.customers", "AccessExclusiveLock"),
        ("public.orders", "AccessExclusiveLock"),
    ]


def test_an_index_is_named_where_its_own_lock_is_the_stronger_one(session, trace):
    assert after(session, trace, "reindex index customers_pkey") == [
        ("public.customers_pkey", "AccessExclusiveLock"),
        ("public.customers", "ShareLock"),
    ]


def test_relations_that_the_transaction_made_bother_nobody(session, trace):
    assert after(session, trace, "create table fresh (id int primary key); lock table fresh") == []


def test_odd_names_are_quoted(session, trace):
    for text in ("commit", 'create table "Odd ""Name" (id int)', "begin"):
        session.execute(text)
    assert after(session, trace, 'lock table "Odd ""Name"') == [('public."Odd ""Name"', "AccessExclusiveLock")]


def test_locks_of_other_databases_and_of_the_catalog_are_left_out(session, trace):
    assert after(session, trace, "select from pg_class; select from pg_database") == []


def test_what_an_exception_handler_took_back_is_not_told(session, trace):
    text = "do $$ begin alter table orders add x int; raise 'no'; exception when others then null; end $$"
    assert after(session, trace, text) == []


def test_a_statement_that_failed_leaves_nothing(session, trace):
    with pytest.raises(psycopg.Error):
        session.execute("lock table orders; select 1/0")
    session.execute("rollback")
    assert trace.taken() == ()
    assert trace.held == frozenset()


def test_the_strongest_mode_of_each_relation_comes_first():
    locks = frozenset({HeldLock("a", "AccessShareLock"), HeldLock("a", "ShareLock"), HeldLock("b", "ExclusiveLock")})
    assert strongest(locks) == (HeldLock("b", "ExclusiveLock"), HeldLock("a", "ShareLock"))
