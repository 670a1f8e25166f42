"""Restoring a backup: by two jobs, beside production, without reaching others, and as a plain file."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tasks import restore_archive
from tasks.backups import export_plain
from tasks.clients import fingerprints
from tasks.clients.child import connection_environment, run
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import connect, with_database
from tasks.clients.programs import embedded_programs
from tasks.clients.scratch import ScratchServer
from tasks.clients.writing import url_to_write
from tasks.gate.errors import ConfigurationError
from tasks.gate.fingerprint import differences
from tasks.read_back import NotAsStored
from tasks.restore_archive import RestoreFailed
from tasks.restore_into import restore_into
from tests.integration.backing_up import (
    SHOP,
    back_up,
    execute,
    flip_bit,
    own_scratch,
    prove_it,
    value,
)
from tests.servers.postgres import changed, login_role

FOREIGN = (
    "create extension postgres_fdw; create server far foreign data wrapper postgres_fdw"
    " options (host '{host}', port '{port}', dbname 'postgres');"
    "create user mapping for current_user server far options (user 'postgres', password 'hush');"
    "create foreign table databases (datname name) server far"
    " options (schema_name 'pg_catalog', table_name 'pg_database')"
)


@pytest.fixture(scope="module")
def scratch() -> Iterator[ScratchServer]:
    with own_scratch() as server:
        yield server


def test_large_dumps_are_restored_by_two_jobs_from_a_private_file(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_archive, "WORTH_A_FILE", 0)
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    assert prove_it(directory_store, manifest, scratch).rows == 420
    flip_bit(directory_store, manifest.dump.key)
    with pytest.raises(NotAsStored, match="was altered"):
        prove_it(directory_store, manifest, scratch)


def test_a_copy_reaches_no_foreign_server(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer, staging_server: EmbeddedServer
) -> None:
    url = staging_server.url()
    port = url.get_secret_value().rpartition(":")[2].partition("/")[0]
    execute(production, SHOP + FOREIGN.format(host="127.0.0.1", port=port))
    manifest = back_up(directory_store, production)
    assert manifest.foreign_servers == ("far",)
    prove_it(directory_store, manifest, scratch, into="restored")
    copy = scratch.database_url("restored")
    try:
        assert value(copy, "select srvoptions is null from pg_foreign_server") is True
        assert value(copy, "select umoptions is null from pg_user_mappings") is True
    finally:
        scratch.drop_database("restored")


def test_a_view_that_would_reach_a_foreign_server_is_refused_before_it_does(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer, staging_server: EmbeddedServer
) -> None:
    password = staging_server.cluster.password.get_secret_value()
    port = str(staging_server.cluster.port)
    execute(production, SHOP + FOREIGN.format(host="127.0.0.1", port=port).replace("hush", password))
    execute(production, "create materialized view far_databases as select * from databases")
    manifest = back_up(directory_store, production)
    connections = "select sum(sessions) from pg_stat_database"
    before = value(staging_server.url(), connections)
    with pytest.raises(RestoreFailed, match="does not restore: pg_restore ended with exit code 1"):
        prove_it(directory_store, manifest, scratch)
    after = value(staging_server.url(), connections)
    assert isinstance(before, type(after))
    assert int(str(after)) - int(str(before)) <= 1, "only our own question of it connected"


def test_recovery_restores_beside_production_on_its_own_server(
    directory_store: ObjectStore, production: SecretStr, production_server: EmbeddedServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    restored = restore_into(
        store=directory_store,
        manifest=manifest,
        url_of_server=production_server.url(),
        database="beside it",
        programs=embedded_programs(),
    )
    try:
        assert restored.url == with_database(production, "beside it")
        assert restored.seconds > 0
        with connect(restored.url, purpose="test") as connection:
            assert differences(manifest.fingerprint, fingerprints.take(connection)) == ()
        with pytest.raises(
            RestoreFailed, match="database beside it exists already, and a restore never overwrites one"
        ):
            restore_into(
                store=directory_store,
                manifest=manifest,
                url_of_server=production_server.url(),
                database="beside it",
                programs=embedded_programs(),
            )
        assert value(restored.url, "select count(*) from orders") == 400
    finally:
        production_server.drop_database("beside it")


def test_a_job_of_a_restore_may_rest_longer_than_the_role_lets_its_sessions(
    production: SecretStr, production_server: EmbeddedServer
) -> None:
    with login_role(production_server, "restless") as password:
        execute(production, "alter role restless set idle_session_timeout = 100")
        url = changed(production, user="restless", password=password)
        with connect(url, purpose="test") as session:
            program = url_to_write(session, url)
        with psycopg.connect(program.get_secret_value()) as job:
            time.sleep(0.3)
            assert job.execute("select 1").fetchone() == (1,)


def test_a_restore_beside_production_that_fails_leaves_no_database(
    directory_store: ObjectStore, production: SecretStr, production_server: EmbeddedServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    flip_bit(directory_store, manifest.dump.key)
    with pytest.raises(NotAsStored, match="was altered"):
        restore_into(
            store=directory_store,
            manifest=manifest,
            url_of_server=production_server.url(),
            database="beside_bad",
            programs=embedded_programs(),
        )
    assert value(production_server.url(), "select count(*) from pg_database where datname = 'beside_bad'") == 0


def test_a_plain_file_loads_with_psql_and_is_never_half_there(
    directory_store: ObjectStore, production: SecretStr, staging: SecretStr, tmp_path: Path
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    file = export_plain(directory_store, manifest, embedded_programs(), tmp_path)
    assert file == tmp_path / f"{manifest.id}.sql"
    assert file.stat().st_mode & 0o077 == 0
    with connection_environment(staging) as environment:
        argv = [embedded_programs().path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
        assert run(argv, environment=environment).returncode == 0
    assert value(staging, "select count(*) from orders") == 400
    with pytest.raises(ConfigurationError, match="exists already"):
        export_plain(directory_store, manifest, embedded_programs(), tmp_path)
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"cannot write .*: no such file or directory"):
        export_plain(directory_store, manifest, embedded_programs(), tmp_path / "missing" / "x.sql")
    flip_bit(directory_store, manifest.dump.key)
    with pytest.raises(NotAsStored, match="was altered"):
        export_plain(directory_store, manifest, embedded_programs(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
