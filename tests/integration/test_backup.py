"""Taking a backup: one snapshot for everything, and words for the person who waits."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.backup_folder import folder
from tasks.backups import find_backup, list_backups
from tasks.clients import dump_stream
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import connect
from tasks.gate.errors import ConfigurationError, Refused
from tests.integration.backing_up import (
    SHOP,
    TARGET,
    back_up,
    children,
    clock,
    dump_with,
    execute,
    identity_of,
    left_over,
)
from tests.integration.interrupting import HEAVY, watched


def test_the_manifest_says_what_is_stored_and_what_it_must_restore_to(
    store: ObjectStore, production: SecretStr
) -> None:
    execute(production, SHOP)
    manifest = back_up(store, production)
    assert re.fullmatch(r"backup-\d{8}-\d{6}", manifest.id)
    assert manifest.dump.key == f"shop/backups/{manifest.id}/dump.zst"
    assert store.size(manifest.dump.key) == manifest.dump.bytes
    assert manifest.identity == identity_of(production)
    assert (manifest.client, manifest.archive_format) == ("18.6", "1.16")
    assert {name: table.rows for name, table in manifest.fingerprint.tables.items()} == {
        "public.customers": 20,
        "public.orders": 400,
    }
    assert manifest.roles == {"postgres": True}
    assert find_backup(store, TARGET, manifest.id) == manifest
    assert sorted(entry.key.rpartition("/")[2] for entry in store.keys(folder(TARGET, manifest.id))) == [
        "dump.zst",
        "globals.sql.zst",
        "manifest.json",
        "settings.sql",
        "started.json",
    ]


def test_writes_during_the_backup_are_in_neither_the_dump_nor_the_fingerprint(
    tmp_path: Path, production: SecretStr
) -> None:
    execute(production, SHOP + HEAVY)
    store = watched(
        tmp_path, lambda: execute(production, "insert into orders (customer) select 1 from generate_series(1, 50)")
    )
    manifest = back_up(store, production, "none")
    assert manifest.fingerprint.tables["public.orders"].rows == 400
    assert manifest.fingerprint.sequences["public.orders_id_seq"].last_value == 400
    assert manifest.sequences_after["public.orders_id_seq"].last_value == 450


def test_progress_says_bytes_rate_and_share_of_the_tables(directory_store: ObjectStore, production: SecretStr) -> None:
    execute(production, SHOP)
    said: list[str] = []
    back_up(directory_store, production, progress=said.append)
    assert re.fullmatch(r"backing up: \d[\d.]* (bytes|kB) compressed, \d[\d.]* [kM]B/s read, 2 of 2 tables", said[-1])


def test_two_backups_in_one_second_have_two_names(directory_store: ObjectStore, production: SecretStr) -> None:
    moment = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    ids = [back_up(directory_store, production, now=lambda: moment).id for _ in range(2)]
    assert ids == ["backup-20261123-120000", "backup-20261123-120001"]
    assert [manifest.id for manifest, _ in list_backups(directory_store, TARGET)] == ids[::-1]


def test_another_database_at_the_same_address_is_refused(
    directory_store: ObjectStore, production: SecretStr, staging: SecretStr
) -> None:
    with pytest.raises(Refused, match="at the same address"):
        back_up(directory_store, production, expected=identity_of(staging))
    assert left_over(directory_store) == []


def test_a_role_that_may_not_read_one_table_is_refused(
    directory_store: ObjectStore, production: SecretStr, production_server: EmbeddedServer
) -> None:
    execute(
        production, SHOP + "create role short_sighted login password 'x'; grant select on customers to short_sighted"
    )
    execute(production, "grant execute on function pg_control_system(), pg_control_checkpoint() to short_sighted")
    url = SecretStr(re.sub("//[^@]*@", "//short_sighted:x@", production.get_secret_value()))
    try:
        with pytest.raises(Refused, match="user short_sighted may not read every sequence"):
            back_up(directory_store, url)
        execute(production, "grant select on all sequences in schema public to short_sighted")
        with pytest.raises(Refused, match=r"permission denied|may not read") as caught:
            back_up(directory_store, url)
        assert "orders" in caught.value.message
        assert left_over(directory_store) == []
    finally:
        execute(production, "drop owned by short_sighted; drop role short_sighted")


def test_a_backup_without_the_right_to_read_roles_says_so(
    directory_store: ObjectStore, production: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(production, SHOP)
    with connect(production, purpose="test") as connection:
        connection.execute("create role modest login password 'x' in role pg_read_all_data")
        connection.execute("grant execute on function pg_control_system(), pg_control_checkpoint() to modest")
    # What a managed service does that hides its tablespaces.
    execute(production, "revoke execute on function pg_tablespace_location from public")
    url = SecretStr(re.sub("//[^@]*@", "//modest:x@", production.get_secret_value()))
    try:
        manifest = back_up(directory_store, url)
    finally:
        execute(production, "grant execute on function pg_tablespace_location to public")
        execute(production, "drop owned by modest; drop role modest")
    assert manifest.globals is None
    assert manifest.warnings[-1].startswith("roles and tablespaces are not in this backup: pg_dumpall ended with")


def test_messages_of_the_programs_are_taken_apart() -> None:
    stderr = (
        'WARNING:  database "x" has a collation version mismatch\nDETAIL:  created with 1\nHINT:  rebuild\n'
        "pg_dump: warning: something else\npg_dump: detail: more of it\n"
    )
    bad, harmless = dump_stream.unexpected(stderr)
    assert bad == ("pg_dump: warning: something else", "pg_dump: detail: more of it")
    assert harmless == ('WARNING:  database "x" has a collation version mismatch',)


def test_a_misspelt_backup_names_the_nearest_one(directory_store: ObjectStore, production: SecretStr) -> None:
    with pytest.raises(ConfigurationError, match="target shop has no backup x") as caught:
        find_backup(directory_store, TARGET, "x")
    assert "gate backup takes one" in caught.value.hint
    manifest = back_up(directory_store, production)
    with pytest.raises(ConfigurationError) as caught:
        find_backup(directory_store, TARGET, manifest.id[:-1])
    assert f"did you mean {manifest.id}?" in caught.value.hint


def test_no_secret_is_in_what_is_stored_or_in_argv(tmp_path: Path, production: SecretStr) -> None:
    execute(production, HEAVY)
    seen: list[bytes] = []
    password = production.get_secret_value().partition("//")[2].partition("@")[0].partition(":")[2]
    assert len(password) > 10

    def look() -> None:
        for pid in children("pg_dump"):
            place = Path(f"/proc/{pid}")
            seen.extend((place / name).read_bytes() for name in ("cmdline", "environ"))

    store = watched(tmp_path, look)
    back_up(store, production, "none")
    assert seen
    stored = [store.read(entry.key) for entry in store.keys("")]
    assert all(password.encode() not in text for text in (*seen, *stored))


def test_the_dump_is_what_pg_dump_itself_writes(directory_store: ObjectStore, production: SecretStr) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production, "none")
    ours, theirs = directory_store.read(manifest.dump.key), dump_with(production)
    assert len(ours) == len(theirs) == manifest.raw_bytes
    assert abs(datetime.fromisoformat(manifest.taken_at) - clock()) < timedelta(minutes=5)
