"""Corrupted backups: what was altered in the store is refused, and the sentence names the cause."""

import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tasks.backup_folder import MANIFEST, folder
from tasks.backups import find_backup, unreadable_backups
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.object_store import ObjectStore
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import Refused
from tests.integration.backing_up import (
    SHOP,
    TARGET,
    back_up,
    execute,
    flip_bit,
    overwrite,
    own_scratch,
    prove_it,
    refusal,
    replace_dump,
    rewrite_manifest,
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


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_flipped_bit_is_refused_wherever_it_is(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer, compression: str, share: float
) -> None:
    manifest = back_up(directory_store, shop, compression)
    flip_bit(directory_store, manifest.dump.key, share)
    expected = f"the dump of {manifest.id} was altered: as long as expected, but its SHA-256 is another one"
    assert refusal(directory_store, manifest, scratch) == expected


@pytest.mark.parametrize("share", [0.9])
def test_a_dump_that_was_cut_off_is_refused(
    store: ObjectStore, shop: SecretStr, scratch: ScratchServer, share: float
) -> None:
    manifest = back_up(store, shop)
    body = store.read(manifest.dump.key)
    kept = body[: int(len(body) * share)]
    overwrite(store, manifest.dump.key, kept)
    expected = f"the dump of {manifest.id} was cut off: {len(body):,} bytes expected, {len(kept):,} found"
    assert refusal(store, manifest, scratch) == expected


def test_a_flipped_bit_in_the_bucket_is_refused(s3_store: ObjectStore, shop: SecretStr, scratch: ScratchServer) -> None:
    manifest = back_up(s3_store, shop)
    flip_bit(s3_store, manifest.dump.key)
    assert "was altered: as long as expected" in refusal(s3_store, manifest, scratch)


def test_objects_exchanged_between_two_backups_are_refused_and_named(
    store: ObjectStore, shop: SecretStr, production: SecretStr, scratch: ScratchServer
) -> None:
    first, second = back_up(store, shop), back_up(store, production)
    one, other = store.read(first.dump.key), store.read(second.dump.key)
    overwrite(store, first.dump.key, other)
    overwrite(store, second.dump.key, one)
    expected = f"the dump of {first.id} holds the dump of {second.id}: objects were exchanged"
    assert refusal(store, first, scratch) == expected


def test_manifests_exchanged_between_two_backups_are_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    first, second = back_up(directory_store, shop), back_up(directory_store, shop)
    overwrite(directory_store, folder(TARGET, first.id) + MANIFEST, second.stored())
    expected = f"the manifest of {first.id} is that of {second.id} of shop: objects were exchanged"
    with pytest.raises(Refused, match=re.escape(expected)):
        find_backup(directory_store, TARGET, first.id)
    assert refusal(directory_store, first, scratch) == expected


def test_an_empty_object_is_refused(directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer) -> None:
    manifest = back_up(directory_store, shop)
    overwrite(directory_store, manifest.dump.key, b"")
    expected = f"the dump of {manifest.id} is empty: {manifest.dump.bytes:,} bytes expected"
    assert refusal(directory_store, manifest, scratch) == expected


def test_a_missing_object_is_refused(store: ObjectStore, shop: SecretStr, scratch: ScratchServer) -> None:
    manifest = back_up(store, shop)
    store.delete(manifest.dump.key)
    assert refusal(store, manifest, scratch) == f"the dump of {manifest.id} is missing in the store"


def test_a_dump_with_bytes_after_its_end_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    overwrite(directory_store, manifest.dump.key, directory_store.read(manifest.dump.key) + b"more")
    assert "was altered" in refusal(directory_store, manifest, scratch)


def test_an_altered_manifest_is_refused_before_anything_is_restored(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    key = folder(TARGET, manifest.id) + MANIFEST
    overwrite(directory_store, key, directory_store.read(key).replace(b'"rows":400', b'"rows":401'))
    expected = f"the manifest of {manifest.id} was altered after it was written: its seal does not hold"
    assert refusal(directory_store, manifest, scratch) == expected
    assert unreadable_backups(directory_store, TARGET) == [(manifest.id, expected)]
    with pytest.raises(Refused, match="its seal does not hold"):
        find_backup(directory_store, TARGET, manifest.id)


def test_a_forged_manifest_is_refused_when_the_record_knows_the_true_one(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    forged = rewrite_manifest(directory_store, manifest.model_copy(update={"warnings": ("nothing to see",)}))
    with pytest.raises(Refused, match="is another one: objects were exchanged"):
        prove_it(directory_store, manifest, scratch)
    with pytest.raises(Refused, match="is not the one that the release recorded"):
        prove_it(directory_store, forged, scratch, expected_sha256="0" * 64)


def test_missing_and_altered_globals_are_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    assert manifest.globals is not None
    flip_bit(directory_store, manifest.globals.key)
    assert f"the roles file of {manifest.id} was altered" in refusal(directory_store, manifest, scratch)
    directory_store.delete(manifest.globals.key)
    assert refusal(directory_store, manifest, scratch) == f"the roles file of {manifest.id} is missing in the store"


def test_altered_settings_are_refused(directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer) -> None:
    manifest = back_up(directory_store, shop)
    assert manifest.settings is not None
    flip_bit(directory_store, manifest.settings.key)
    assert f"the settings of {manifest.id} was altered" in refusal(directory_store, manifest, scratch)


def test_globals_that_lack_a_role_are_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    forged = rewrite_manifest(
        directory_store, manifest.model_copy(update={"roles": {"postgres": True, "ghost": False}})
    )
    assert refusal(directory_store, forged, scratch) == (
        f"the globals of {manifest.id} do not create role ghost, which owns or may use something in it"
    )


def test_something_that_is_no_dump_is_refused(
    directory_store: ObjectStore, shop: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, shop)
    forged = replace_dump(directory_store, manifest, b"select 1;\n" * 1000)
    assert refusal(directory_store, forged, scratch).startswith(f"{manifest.id} does not restore: pg_restore ended")
