"""Fingerprints: the same rows give the same one anywhere, other rows another one, hidden rows none at all."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients import fingerprints
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import connect
from tasks.gate.errors import Refused
from tasks.gate.fingerprint import Fingerprint, SequencePrint, differences
from tests.integration.backing_up import SHOP, execute

EVERYTHING = """
create table kinds (r text, t int, at timestamptz, span interval, ratio float8, small real, blob bytea, price money,
  doc json, ids int[], near point, who regclass, kind regtype, net inet, day date);
insert into kinds values ('r', 1, '2026-11-23 12:00+00', '1 day 2 hours', 0.1, 0.1, '\\x00ff', 12.5,
  '{"a": 1}', '{1,NULL}', '(1,2)', 'kinds', 'int8', '10.0.0.1/8', '2026-02-03');
"""
OTHER_SESSION = (
    "set datestyle to 'German, DMY'; set timezone to 'Asia/Kathmandu'; set intervalstyle to iso_8601;"
    "set bytea_output to escape; set extra_float_digits to -3; set search_path to public, pg_catalog;"
    "set xmlbinary to hex; set quote_all_identifiers to on"
)


CHANGES = [
    ("update orders set note = note || ' ' where id = 9", "400 rows as expected, but their content differs"),
    ("update orders set note = null where id = 9", "400 rows as expected, but their content differs"),
    ("delete from orders where id = 9", "400 rows expected, 399 found"),
    ("alter table orders owner to pg_monitor", "owner of relation public.orders: postgres expected"),
    ("grant select on orders to public", "grants on relation public.orders: the defaults expected, everybody"),
    ("grant select (note) on orders to public", "grants on column public.orders.note: the defaults expected"),
    ("select nextval('orders_id_seq')", "sequence public.orders_id_seq: at 400 expected, at 401 found"),
    ("drop table orders", "table public.orders is missing"),
    ('alter table orders rename to "Orders ""x"', 'table public."Orders ""x" was not expected'),
    ("create schema s authorization pg_monitor", "owner of schema s: none expected, pg_monitor found"),
    ("select lo_from_bytea(0, 'x')", "large objects: 0 expected, 1 found"),
]


def taken(url: SecretStr, before: str = "") -> Fingerprint:
    with connect(url, purpose="test") as connection:
        if before:
            connection.execute(before)  # type: ignore[call-overload]
        return fingerprints.take(connection)


def as_user(url: SecretStr, name: str) -> SecretStr:
    return SecretStr(re.sub("//[^@]*@", f"//{name}:x@", url.get_secret_value()))


@pytest.fixture
def lowly(production_server: EmbeddedServer, production: SecretStr) -> Iterator[SecretStr]:
    execute(production, "create role print_reader login password 'x'")
    yield as_user(production, "print_reader")
    execute(production, "drop owned by print_reader; drop role print_reader")


def test_a_session_s_own_settings_change_nothing(production: SecretStr) -> None:
    execute(production, EVERYTHING)
    assert taken(production) == taken(production, OTHER_SESSION)


def test_the_same_rows_in_another_order_on_another_server_are_equal(production: SecretStr, staging: SecretStr) -> None:
    execute(production, EVERYTHING + "insert into kinds (t) select n from generate_series(1, 500) n")
    execute(staging, EVERYTHING + "insert into kinds (t) select 501 - n from generate_series(1, 500) n")
    assert differences(taken(production), taken(staging)) == ()


def test_every_change_is_seen(production: SecretStr) -> None:
    execute(production, SHOP)
    with connect(production, purpose="test") as connection:
        before = fingerprints.take(connection)
        for change, sentence in CHANGES:
            connection.execute("begin")
            connection.execute(change)  # type: ignore[call-overload]
            found = differences(before, fingerprints.take(connection))
            connection.execute("rollback")
            assert any(sentence in line for line in found), change


def test_the_content_and_the_owner_of_large_objects_count(production: SecretStr) -> None:
    execute(production, "select lo_from_bytea(99, 'abc')")
    before = taken(production)
    execute(production, "select lo_put(99, 1, 'x')")
    after = taken(production)
    execute(production, "grant select on large object 99 to public")
    assert before.large_objects == after.large_objects == 1
    assert len({before.large_objects_hash, after.large_objects_hash, taken(production).large_objects_hash}) == 3


def test_inside_a_transaction_its_own_changes_count_and_nothing_stays_behind(production: SecretStr) -> None:
    execute(production, SHOP)
    with connect(production, purpose="test") as connection:
        connection.execute("set search_path to public")
        connection.execute("begin")
        connection.execute("delete from orders")
        assert fingerprints.take(connection).tables["public.orders"].rows == 0
        found = connection.execute("select current_setting('search_path'), current_setting('DateStyle')").fetchone()
        assert found == ("public", "ISO, MDY")
        connection.execute("rollback")
        assert fingerprints.take(connection).tables["public.orders"].rows == 400


def test_only_the_tables_that_are_asked_for_are_read(production: SecretStr) -> None:
    execute(production, SHOP)
    heard: list[tuple[int, int]] = []
    with connect(production, purpose="test") as connection:
        found = fingerprints.take(connection, {"public.orders"}, lambda done, total: heard.append((done, total)))
    assert list(found.tables) == ["public.orders"]
    assert heard == [(0, 1), (1, 1)]


def test_tables_of_extensions_foreign_tables_and_temporary_ones_do_not_count(production: SecretStr) -> None:
    execute(
        production,
        "create extension postgres_fdw; create server s foreign data wrapper postgres_fdw;"
        "create foreign table far (x int) server s; create table mine (x int);"
        "alter extension postgres_fdw add table mine",
    )
    with connect(production, purpose="test") as connection:
        connection.execute("create temporary table brief (x int)")
        found = fingerprints.take(connection)
    assert found.tables == {}
    assert "relation public.far" in found.owners
    assert "relation public.mine" not in found.owners


def test_many_sequences_are_read_in_batches(production: SecretStr) -> None:
    execute(
        production,
        "do $$ begin for n in 1..450 loop execute format('create sequence s%s start %s', n, n); end loop; end $$",
    )
    found = taken(production).sequences
    assert len(found) == 450
    assert found["public.s449"] == SequencePrint(last_value=449, is_called=False)


def test_rows_hidden_by_row_security_are_refused(production: SecretStr, lowly: SecretStr) -> None:
    execute(production, SHOP + "grant select on all tables in schema public to print_reader")
    execute(production, "alter table orders enable row level security; create policy p on orders using (id < 5)")
    execute(production, "grant select on all sequences in schema public to print_reader")
    with pytest.raises(Refused, match=r"row-level security hides rows of table public\.orders from user print_reader"):
        taken(lowly)


def test_a_table_that_may_not_be_read_is_named(production: SecretStr, lowly: SecretStr) -> None:
    execute(production, SHOP + "grant select on customers to print_reader")
    execute(production, "grant select on all sequences in schema public to print_reader")
    with pytest.raises(Refused, match=r"user print_reader may not read table public\.orders") as caught:
        taken(lowly)
    assert "pg_read_all_data" in caught.value.hint


def test_a_sequence_that_may_not_be_read_is_named(production: SecretStr, lowly: SecretStr) -> None:
    execute(production, SHOP + "grant select on all tables in schema public to print_reader")
    with pytest.raises(Refused, match="permission denied for sequence customers_id_seq"):
        taken(lowly)


def test_the_roles_that_a_copy_needs_are_listed(production: SecretStr, lowly: SecretStr) -> None:
    execute(production, SHOP + "grant select (note) on orders to print_reader")
    with connect(production, purpose="test") as connection:
        assert fingerprints.roles(connection) == {"postgres": True, "print_reader": False}


def test_a_lost_connection_is_not_hidden_by_the_cleaning_up(production: SecretStr) -> None:
    execute(production, SHOP)

    def cut(done: int, _total: int) -> None:
        if done == 1:
            execute(
                production, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gate cut'"
            )

    with (
        pytest.raises(psycopg.OperationalError, match="terminating connection"),
        connect(production, purpose="cut") as connection,
    ):
        fingerprints.take(connection, progress=cut)
