"""Wrong backups: whole objects that do not hold what production held are refused, and the sentence says why."""

import re
from collections.abc import Iterator

import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients.embedded import EmbeddedServer
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import connect, with_database
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import Refused
from tests.integration.backing_up import (
    SHOP,
    TARGET,
    back_up,
    dump_with,
    execute,
    identity_of,
    own_scratch,
    refusal,
    replace_dump,
)


@pytest.fixture(scope="module")
def scratch() -> Iterator[ScratchServer]:
    with own_scratch() as server:
        yield server


@pytest.fixture(scope="module")
def shop(production_server: EmbeddedServer) -> Iterator[SecretStr]:
    url = production_server.create_database("bad_backups")
    execute(url, SHOP)
    yield url
    production_server.drop_database("bad_backups")


def test_a_dump_without_one_table_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    forged = replace_dump(directory_store, manifest, dump_with(shop, "--exclude-table=orders"))
    said = refusal(directory_store, forged, scratch)
    assert said.startswith(f"{manifest.id} does not restore to what production held, ")
    assert "table public.orders is missing" in said


def test_a_dump_without_the_rows_of_one_table_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    forged = replace_dump(directory_store, manifest, dump_with(shop, "--exclude-table-data=orders"))
    expected = "does not restore to what production held, 1 difference: table public.orders: 400 rows expected, 0 found"
    assert refusal(directory_store, forged, scratch).endswith(expected)


def test_rows_that_row_security_hid_from_the_dump_are_missed(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, production_server: EmbeddedServer
) -> None:
    copy = production_server.create_database("bad_backups_hidden", template="bad_backups")
    try:
        execute(copy, "create role half_blind login password 'x'")
        execute(
            copy,
            "alter table customers enable row level security; alter table orders enable row level security;"
            "create policy all_of_them on customers using (true); create policy half on orders using (id % 2 = 0);"
            "grant select on all tables in schema public to half_blind;"
            "grant select on all sequences in schema public to half_blind",
        )
        manifest = back_up(directory_store, copy)
        blind = SecretStr(re.sub("//[^@]*@", "//half_blind:x@", copy.get_secret_value()))
        # Half of the orders, exit code 0, and not a word about it (failure-modes 3.5).
        half = dump_with(blind, "--enable-row-security")
        said = refusal(directory_store, replace_dump(directory_store, manifest, half), scratch)
    finally:
        production_server.drop_database("bad_backups_hidden")
        execute(production_server.url(), "drop role if exists half_blind")
    assert "table public.orders: 400 rows expected, 200 found" in said


def test_rows_that_changed_on_the_way_are_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, production_server: EmbeddedServer
) -> None:
    manifest = back_up(directory_store, shop)
    copy = production_server.create_database("bad_backups_changed", template="bad_backups")
    try:
        execute(copy, "update orders set note = 'x' || note where id = 7")
        said = refusal(directory_store, replace_dump(directory_store, manifest, dump_with(copy)), scratch)
    finally:
        production_server.drop_database("bad_backups_changed")
    assert said.endswith("1 difference: table public.orders: 400 rows as expected, but their content differs")


def test_a_sequence_behind_its_place_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, production_server: EmbeddedServer
) -> None:
    manifest = back_up(directory_store, shop)
    copy = production_server.create_database("bad_backups_behind", template="bad_backups")
    try:
        execute(copy, "select setval('orders_id_seq', 250)")
        said = refusal(directory_store, replace_dump(directory_store, manifest, dump_with(copy)), scratch)
    finally:
        production_server.drop_database("bad_backups_behind")
    assert said.endswith("1 difference: sequence public.orders_id_seq: at 400 expected, at 250 found")


def test_lost_owners_and_grants_are_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, production_server: EmbeddedServer
) -> None:
    copy = production_server.create_database("bad_backups_owned", template="bad_backups")
    try:
        execute(
            copy,
            "create role shop_owner; create role shop_reader; alter table orders owner to shop_owner;"
            "grant select on customers to shop_reader",
        )
        manifest = back_up(directory_store, copy)
        execute(copy, "alter table orders owner to postgres; revoke all on customers from shop_reader")
        bare = dump_with(copy)
        said = refusal(directory_store, replace_dump(directory_store, manifest, bare), scratch)
    finally:
        production_server.drop_database("bad_backups_owned")
        execute(production_server.url(), "drop role if exists shop_owner, shop_reader")
    assert "owner of relation public.orders: shop_owner expected, postgres found" in said
    assert "shop_reader: SELECT expected, the defaults found" in said


def test_a_backup_of_another_database_of_the_same_name_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, staging_server: EmbeddedServer
) -> None:
    ours, theirs = identity_of(shop), staging_server.create_database("bad_backups")
    try:
        execute(theirs, SHOP)
        manifest = back_up(directory_store, theirs)
    finally:
        staging_server.drop_database("bad_backups")
    said = refusal(directory_store, manifest, scratch, expected=ours)
    assert said.startswith(f"{manifest.id} is of another database of the same name: bad_backups of cluster ")
    assert said.endswith(f"expected bad_backups of cluster {ours.system_identifier}")


def test_rows_that_their_own_constraint_refuses_on_the_way_back_are_refused(
    directory_store: ObjectStore, scratch: ScratchServer, production_server: EmbeddedServer
) -> None:
    # Dumps with exit code 0 and does not restore (failure-modes 3.7): only a real restore finds it.
    url = production_server.create_database("bad_backups_path")
    try:
        execute(
            url,
            "create schema far; create function far.inner_one(text) returns text immutable language sql as 'select $1';"
            "create function far.outer_one(text) returns text immutable language plpgsql"
            " as 'begin return inner_one($1); end';"
            "create table words (word text check (far.outer_one(word) <> ''));"
            "select set_config('search_path', 'far, public', false); insert into words values ('a')",
        )
        manifest = back_up(directory_store, url)
    finally:
        production_server.drop_database("bad_backups_path")
    said = refusal(directory_store, manifest, scratch)
    assert "function inner_one(text) does not exist" in said


def test_rows_hidden_from_the_role_refuse_the_backup_itself(
    directory_store: ObjectStore, production_server: EmbeddedServer
) -> None:
    url = production_server.create_database("bad_backups_rls")
    try:
        execute(url, SHOP)
        with connect(url, purpose="test") as connection:
            connection.execute("create role lowly login password 'x'; grant pg_read_all_data to lowly")
            connection.execute("grant execute on function pg_control_system(), pg_control_checkpoint() to lowly")
            connection.execute("alter table orders enable row level security")
            connection.execute(sql.SQL("create policy mine on orders using (id < 10)"))
        lowly = SecretStr(re.sub("//[^@]*@", "//lowly:x@", url.get_secret_value()))
        with pytest.raises(Refused) as caught:
            back_up(directory_store, lowly)
        assert "row-level security" in caught.value.message
        assert "BYPASSRLS" in caught.value.hint
        assert list(directory_store.keys(f"{TARGET}/backups/")) == []
    finally:
        production_server.drop_database("bad_backups_rls")
        execute(with_database(url, "postgres"), "drop role if exists lowly")
