"""A bucket as deploy/bucket makes it: with versions and an object lock, records and backups work as in any other."""

import itertools

import botocore.exceptions
import pytest

from tasks.clients.object_store import AlreadyThere
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store, proves_conditional_writes
from tasks.record import Record, new_owner
from tasks.target_log import TargetLog

_numbers = itertools.count(1)


def test_in_a_locked_bucket_gate_writes_and_reads_and_nobody_removes_what_was_written(
    s3_server: SeaweedServer, monkeypatch: pytest.MonkeyPatch
):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"locked-{next(_numbers)}"
    client = s3_server.client()
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    store = open_store(s3_server.url(bucket))
    assert proves_conditional_writes(store, "shop/")
    TargetLog(store, "shop").open_release("one")
    record = Record(store, "shop", "one", owner=new_owner())
    record.append("opened", {"by": "ada"})
    assert store.upload("shop/backups/backup-20261123-120000/dump", iter([b"x" * 100])) == 100
    with pytest.raises(AlreadyThere):
        store.create("shop/releases/one/0001.json", b"another")
    key = "shop/backups/backup-20261123-120000/dump"
    store.delete(key)  # hides it, as the sweep of half a backup does
    version = next(v for v in client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"])["VersionId"]
    with pytest.raises(botocore.exceptions.ClientError):
        client.delete_object(Bucket=bucket, Key=key, VersionId=version)
