"""A manifest: its seal, and the commands for a person without Gate."""

import json
from typing import Any

import pytest

from tasks.gate.fingerprint import Fingerprint
from tasks.gate.how_to import how_to
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest, StoredObject

IDENTITY = Identity(
    system_identifier="7",
    database_oid=5,
    database="my shop",
    timeline=1,
    server_version_num=150018,
    server_version="15.18",
)
FINGERPRINT = Fingerprint(tables={}, sequences={}, extensions={}, owners={}, grants={}, large_objects=0)


def manifest(**fields: Any) -> Manifest:
    values: dict[str, Any] = {
        "id": "backup-20261123-120000",
        "target": "shop",
        "identity": IDENTITY,
        "taken_at": "2026-11-23T12:00:00+00:00",
        "finished_at": "2026-11-23T12:00:01+00:00",
        "snapshot_lsn": "0/1",
        "dump": StoredObject(key="shop/backups/b/dump.zst", bytes=3, sha256="ab" * 32),
        "globals": StoredObject(key="shop/backups/b/globals.sql.zst", bytes=3, sha256="cd" * 32),
        "compression": "zstd",
        "raw_bytes": 9,
        "client": "15.18",
        "archive_format": "1.14",
        "fingerprint": FINGERPRINT,
    }
    return Manifest(**{**values, **fields}).sealed()


def test_a_manifest_is_read_as_it_was_stored() -> None:
    assert Manifest.read(manifest().stored()) == manifest()


def test_every_changed_field_breaks_the_seal() -> None:
    fields = json.loads(manifest().stored())
    for name in fields:
        altered = {**fields, name: "something else"}
        with pytest.raises(ValueError, match="the seal does not hold"):
            Manifest.read(json.dumps(altered).encode())


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    body = manifest().stored()
    for place in range(len(body)):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(ValueError):  # noqa: PT011 - JSON's, pydantic's or the seal's
            Manifest.read(altered)


def test_a_manifest_of_an_earlier_version_with_fewer_fields_holds() -> None:
    fields = json.loads(manifest().stored())
    del fields["foreign_servers"], fields["seal"]
    older = Manifest.model_validate(fields)
    unsealed = older.model_dump(mode="json", exclude={"foreign_servers", "seal"})
    from tasks.gate.model import canonical, sha256

    body = canonical({**unsealed, "seal": sha256(canonical(unsealed))})
    assert Manifest.read(body).foreign_servers == ()


def test_the_commands_name_the_bucket_and_its_endpoint() -> None:
    lines = how_to(manifest(), "s3://bucket/prefix at https://s3.example.com")
    assert lines[:3] == (
        "aws s3 cp --endpoint-url https://s3.example.com s3://bucket/prefix/shop/backups/b/dump.zst dump.zst",
        f"echo '{'ab' * 32}  dump.zst' | sha256sum --check",
        "zstd --decompress --rm dump.zst",
    )
    assert lines[-1] == "pg_restore --exit-on-error --no-subscriptions --dbname='my shop_restored' dump"


def test_the_commands_for_a_directory_and_gzip_copy_and_gunzip() -> None:
    dump = StoredObject(key="shop/backups/b/dump.gz", bytes=3, sha256="ab" * 32)
    lines = how_to(manifest(compression="gzip", dump=dump, globals=None), "file:///var/my%20store")
    assert lines[0] == "cp '/var/my store/shop/backups/b/dump.gz' dump.gz"
    assert lines[2] == "gunzip dump.gz"
    assert len(lines) == 5


def test_the_commands_keep_the_locale() -> None:
    lines = how_to(manifest(locale_provider="i", icu_locale="de-DE", collate="de_DE.UTF-8"), "s3://bucket")
    assert "--lc-collate=de_DE.UTF-8 --lc-ctype=C --locale-provider=icu --icu-locale=de-DE" in lines[-2]
