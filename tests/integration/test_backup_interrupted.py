"""A backup that is interrupted: nothing of it stays, and what cannot be helped is swept later."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.backup_folder import STARTED, discard, folder, sweep_half_backups
from tasks.backups import find_backup, half_backups
from tasks.clients import dump_stream
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import connect
from tasks.gate.errors import Refused
from tests.integration.backing_up import (
    SHOP,
    TARGET,
    back_up,
    children,
    execute,
    left_over,
)
from tests.integration.interrupting import HEAVY, TWO_PARTS, WatchedBucket, killing, watched


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_a_killed_backend_leaves_no_object(
    directory_store: ObjectStore, production: SecretStr, compression: str
) -> None:
    execute(production, HEAVY)
    lost = "pg_dump ended with exit code 1: the connection to the server was lost half way"
    with killing(production, "pg_dump"), pytest.raises(Refused, match=lost):
        back_up(directory_store, production, compression)
    assert left_over(directory_store) == []


def test_a_killed_pg_dump_leaves_no_object(tmp_path: Path, production: SecretStr) -> None:
    execute(production, HEAVY)
    store = watched(tmp_path, lambda: [os.kill(pid, signal.SIGKILL) for pid in children("pg_dump")] and None)
    with pytest.raises(Refused, match="pg_dump was killed by signal 9"):
        back_up(store, production, "none")
    assert left_over(store) == []


def test_a_pg_dump_killed_half_way_leaves_no_object_and_no_upload_in_a_bucket(
    s3_url: str, production: SecretStr
) -> None:
    execute(production, TWO_PARTS)
    head, _, query = s3_url.removeprefix("s3://").partition("?")
    bucket, _, prefix = head.partition("/")
    endpoint = re.search(r"endpoint_url=([^&]+)", query)
    assert endpoint is not None
    store = WatchedBucket(bucket, prefix, endpoint_url=endpoint[1], region="us-east-1")
    store.act = lambda: [os.kill(pid, signal.SIGKILL) for pid in children("pg_dump")] and None
    with pytest.raises(Refused, match="pg_dump was killed by signal 9"):
        back_up(store, production, "none")
    assert left_over(store) == []
    assert store.sweep_uploads("") == 0


def test_a_failing_fingerprint_stops_the_dump_and_leaves_no_object(
    directory_store: ObjectStore, production: SecretStr
) -> None:
    execute(production, HEAVY)
    with (
        killing(production, "gate backup fingerprint", "heavy"),
        pytest.raises(Refused, match="the backup stopped, and nothing of it was stored: terminating connection"),
    ):
        back_up(directory_store, production, "none")
    assert left_over(directory_store) == []
    assert children("pg_dump") == []


def test_a_table_that_somebody_keeps_locked_refuses_and_names_them(
    directory_store: ObjectStore, production: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(production, SHOP)
    shorter = [a.replace("30s", "300ms") for a in dump_stream.ARGUMENTS]
    monkeypatch.setattr(dump_stream, "ARGUMENTS", tuple(shorter))
    with connect(production, purpose="long migration") as other:
        other.execute("begin; lock table orders in access exclusive mode")
        with pytest.raises(Refused, match="another session holds a lock on a table") as caught:
            back_up(directory_store, production)
        assert f"gate long migration (process {other.info.backend_pid}) holds a table since" in caught.value.hint
    assert left_over(directory_store) == []


def test_limits_that_the_role_was_given_do_not_end_a_long_backup(
    tmp_path: Path, production: SecretStr, production_server: EmbeddedServer
) -> None:
    name = production.get_secret_value().rpartition("/")[2]
    execute(
        production,
        HEAVY + f"alter database {name} set idle_in_transaction_session_timeout = 200;"
        f"alter database {name} set transaction_timeout = 300; alter database {name} set statement_timeout = 200;",
    )
    pause = threading.Event()
    store = watched(tmp_path, lambda: pause.wait(0.6) and None)
    assert back_up(store, production, "none").fingerprint.tables["public.heavy"].rows == 4000


def test_half_a_backup_of_a_process_that_died_is_swept_and_a_living_one_is_not(
    store: ObjectStore, production: SecretStr
) -> None:
    whole = back_up(store, production)
    code = (
        "import sys; from datetime import datetime, UTC; from tasks.clients.stores import open_store;"
        "from tasks.backup_folder import claim;"
        "print(claim(open_store(sys.argv[1]), 'shop', lambda: datetime.now(UTC)))"
    )
    # A bucket's describe() is no URL: there the same is played with an altered start.
    address = store.describe()
    if address.startswith("file:"):
        said = subprocess.run(
            [sys.executable, "-c", code, address], check=True, capture_output=True, text=True, timeout=60
        )
        dead = said.stdout.strip()
    else:
        dead = "backup-20200101-000000"
        body = {"host": json.loads(store.read(folder(TARGET, whole.id) + STARTED))["host"], "process": os.getpid()}
        store.create(folder(TARGET, dead) + STARTED, json.dumps({**body, "started": "another start"}).encode())
    store.create(folder(TARGET, dead) + "globals.sql.zst", b"x")
    alive = "backup-20200101-000001"
    store.create(folder(TARGET, alive) + STARTED, store.read(folder(TARGET, whole.id) + STARTED))
    assert sorted(half_backups(store, TARGET)) == sorted([dead, alive])
    with pytest.raises(Refused, match=f"{dead} is half a backup"):
        find_backup(store, TARGET, dead)
    assert sweep_half_backups(store, TARGET) == 1
    assert half_backups(store, TARGET) == [alive]
    assert find_backup(store, TARGET, whole.id) == whole


def test_half_a_backup_of_another_machine_is_swept_once_it_is_old(directory_store: ObjectStore) -> None:
    half = "backup-20261123-120000"
    body = json.dumps({"host": "elsewhere", "process": 1, "started": "1"}).encode()
    directory_store.create(folder(TARGET, half) + STARTED, body)
    began = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert sweep_half_backups(directory_store, TARGET, now=began + timedelta(hours=5)) == 0
    assert sweep_half_backups(directory_store, TARGET, now=began + timedelta(hours=25)) == 1
    directory_store.create(folder(TARGET, half) + STARTED, body)
    assert sweep_half_backups(directory_store, TARGET, older_than=timedelta(0), now=began) == 1
    assert left_over(directory_store) == []


def test_a_whole_backup_is_never_discarded(directory_store: ObjectStore, production: SecretStr) -> None:
    manifest = back_up(directory_store, production)
    discard(directory_store, TARGET, manifest.id)
    assert find_backup(directory_store, TARGET, manifest.id) == manifest
