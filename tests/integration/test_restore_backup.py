"""`gate restore` and the last rung on real servers: settings carried over, plain owners, old majors, lost databases."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients.address import make_url, parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import all_installed, embedded_programs
from tasks.gate.errors import GateError, Refused
from tasks.recover import recover
from tasks.restore_backup import restore_backup
from tasks.restore_beside import restore_beside
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, Shop, kinds, open_shop
from tests.servers.postgres import FAST, changed


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def test_what_hangs_on_the_name_of_the_database_is_carried_over(shop: Shop):
    role = f"reader_{shop.name}"
    shop.sql(
        f"create role {role}; comment on database {shop.name} is 'it''s the shop';"
        f"revoke all on database {shop.name} from public; grant connect on database {shop.name} to {role};"
        f"alter database {shop.name} connection limit 33; alter database {shop.name} set work_mem = '7MB';"
        f'alter role {role} in database {shop.name} set search_path = a, "B c"'
    )
    manifest = shop.back_up()
    asked = (
        "select datconnlimit, datacl::text, shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba),"
        " (select array_agg(setrole::regrole::text || setconfig::text order by 1)"
        "    from pg_db_role_setting where setdatabase = d.oid)"
        f" from pg_database d where datname = '{shop.name}'"
    )
    before = shop.sql(asked)
    try:
        plan = shop.plan(ADD_COLUMN)
        release = shop.release(plan, manifest)
        recovery = restore_backup(release, manifest, embedded_programs())
        assert shop.sql(asked) == before
        assert recovery.accounts is not None
        assert recovery.accounts.written == 0
        assert "the failed one is kept as" in recovery.sentence
        assert "no row was written since the backup" in recovery.sentence
        assert shop.sql("show work_mem") == [("7MB",)]
        assert shop.sql("select reltuples from pg_class where relname = 'orders'") == [(500,)]  # it was analysed
        assert restore_backup(release, manifest, embedded_programs()) == recovery
    finally:
        shop.forget()
        shop.server.create_database(shop.name)
        shop.sql(f"drop role {role}")


def test_an_owner_who_is_no_superuser_can_be_brought_back_too(shop: Shop):
    role = f"owner_{shop.name}"
    owned = ["customers", "orders", "visits", "drizzle.__drizzle_migrations"]
    shop.sql(
        f"create role {role} login createdb password 'plain'; grant pg_signal_backend to {role};"
        f"alter database {shop.name} owner to {role}; alter schema drizzle owner to {role};"
        f"alter schema public owner to {role};" + ";".join(f"alter table {table} owner to {role}" for table in owned)
    )
    found = {**parameters(shop.url), "user": role, "password": "plain"}
    plain = Shop(shop.server, make_url(found), shop.store)
    try:
        plan = plain.plan(ADD_COLUMN)
        release = plain.release(plan, plain.back_up())
        apply_plan(release, plan, NOT_REHEARSED)
        plain.sql("insert into visits (path) values ('/late')")
        recovery = recover(release, plan, NOT_REHEARSED, GateError("the application is not well"))
        assert recovery.sentence.endswith("(visits 1)")
        assert plain.sql("select count(*) from visits") == [(20,)]
    finally:
        shop.forget()
        shop.server.create_database(shop.name)
        shop.sql(f"drop role {role}")


def test_the_oldest_major_on_this_machine_is_restored_and_swapped_as_well(tmp_path: Path):
    oldest = min((p for p in all_installed(None) if p.has_server), key=lambda p: p.major)
    with EmbeddedServer(oldest, FAST) as server, open_shop(server, tmp_path) as shop:
        plan = shop.plan(ADD_COLUMN)
        release = shop.release(plan, shop.back_up())
        apply_plan(release, plan, NOT_REHEARSED)
        shop.sql("insert into visits (path) values ('/late')")
        recovery = recover(release, plan, NOT_REHEARSED, GateError("the application is not well"))
        assert recovery.sentence.endswith(
            f"1 row written since the backup is only in {recovery.failed_database} (visits 1)"
        )
        assert shop.sql("select count(*) from visits") == [(20,)]


def test_a_backup_is_restored_even_when_production_is_gone(shop: Shop):
    manifest = shop.back_up()
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    shop.server.drop_database(shop.name)
    recovery = restore_backup(release, manifest, embedded_programs())
    assert shop.sql("select count(*) from orders") == [(500,)]
    assert shop.databases() == [shop.name]
    assert "there was no database of that name before" in recovery.sentence


def test_a_backup_of_another_cluster_is_not_restored_without_being_told_so(shop: Shop):
    manifest = shop.back_up()
    foreign = manifest.model_copy(update={"identity": manifest.identity.model_copy(update={"system_identifier": "42"})})
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    with pytest.raises(Refused, match="is of cluster 42, and production is cluster"):
        restore_backup(release, foreign, embedded_programs())
    assert kinds(release)[-1] == "approved"


def test_a_backup_of_another_database_is_not_restored_without_being_told_so(shop: Shop):
    manifest = shop.back_up()
    other = f"{shop.name}_other"
    shop.server.create_database(other)
    release = shop.open("20261123-140509-shop-0000bb", url=changed(shop.url, dbname=other))
    with pytest.raises(Refused, match=f"is of database {shop.name}, and GATE_PRODUCTION_URL names {other}") as refused:
        restore_backup(release, manifest, embedded_programs())
    assert "--another-cluster" in refused.value.hint
    assert shop.databases() == [shop.name, other]
    release.record.append("opened", {"by": "ann"})
    restore_backup(release, manifest, embedded_programs(), another_cluster=True)
    assert shop.sql("select count(*) from orders", other) == [(500,)]


def test_what_hangs_on_the_very_database_rules_the_restore_out_for_a_person_too(shop: Shop):
    manifest = shop.back_up()
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    shop.sql(f"select pg_create_logical_replication_slot('s_{shop.name}', 'pgoutput')")
    try:
        with pytest.raises(Refused, match=f"would be lost: s_{shop.name}; nothing was restored") as refused:
            restore_backup(release, manifest, embedded_programs())
    finally:
        shop.sql(f"select pg_drop_replication_slot('s_{shop.name}')")
    assert "drop the slot" in refused.value.hint
    assert kinds(release)[-1] == "approved"
    assert shop.databases() == [shop.name]


def test_a_person_is_not_let_fill_the_disk_of_production(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    manifest = shop.back_up()
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    monkeypatch.setattr("tasks.free_space.shutil.disk_usage", lambda _folder: SimpleNamespace(free=1000))
    with pytest.raises(Refused, match=r"no room beside it \(1.0 kB free"):
        restore_backup(release, manifest, embedded_programs())
    assert shop.databases() == [shop.name]


def test_half_a_restore_that_a_dead_process_left_is_replaced(shop: Shop):
    manifest = shop.back_up()
    release = shop.release(shop.plan(ADD_COLUMN), manifest)
    shop.server.create_database(f"{shop.name}_restore_{release.id}")
    beside = restore_beside(release, manifest, embedded_programs())
    assert beside.sentence.startswith(f"{manifest.id} restored beside production as {shop.name}_restore_")
    assert "4 tables and 571 rows equal" in beside.sentence
    assert restore_beside(release, manifest, embedded_programs()) == beside
