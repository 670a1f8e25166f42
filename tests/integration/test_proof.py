"""Proving a backup: restored on a scratch server, compared, written down."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tasks.backup_folder import folder
from tasks.backups import list_backups, newest_proof, newest_proved
from tasks.clients.object_store import ObjectStore
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import Refused
from tests.integration.backing_up import (
    SHOP,
    TARGET,
    back_up,
    databases,
    execute,
    own_scratch,
    prove_it,
    rewrite_manifest,
    value,
)

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


def test_a_proof_leaves_the_restored_database_and_says_what_it_measured(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    proof = prove_it(directory_store, manifest, scratch, into="restored")
    try:
        assert value(scratch.database_url("restored"), "select count(*) from orders") == 400
        assert (proof.backup, proof.tables, proof.rows) == (manifest.id, 2, 420)
        assert proof.restore_seconds > proof.read_back_seconds >= 0
        assert proof.compare_seconds > 0
    finally:
        scratch.drop_database("restored")


def test_without_a_name_nothing_stays_and_every_proof_is_kept(
    store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(store, production)
    assert newest_proved(store, TARGET) is None
    first, second = prove_it(store, manifest, scratch), prove_it(store, manifest, scratch)
    assert databases(scratch) == ["postgres"]
    assert newest_proof(store, TARGET, manifest.id) == second != first
    below = folder(TARGET, manifest.id)
    assert [entry.key for entry in store.keys(below + "proof-")] == [
        below + "proof-0001.json",
        below + "proof-0002.json",
    ]
    later = back_up(store, production)
    assert newest_proved(store, TARGET) == (manifest, second)
    assert list_backups(store, TARGET) == [(later, None), (manifest, second)]


def test_progress_says_what_is_compared(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, SHOP)
    said: list[str] = []
    prove_it(directory_store, back_up(directory_store, production), scratch, progress=said.append)
    assert said[-1] == "comparing: 2 of 2 tables"


def test_sequences_that_move_while_the_dump_runs_are_no_difference(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    # As if the client had drawn 100 numbers, and the dump had seen the first few of them.
    name = "public.orders_id_seq"
    earlier = manifest.fingerprint.sequences[name].model_copy(update={"last_value": 390})
    later = manifest.fingerprint.sequences[name].model_copy(update={"last_value": 490})
    sequences = {**manifest.fingerprint.sequences, name: earlier}
    moved = {
        "fingerprint": manifest.fingerprint.model_copy(update={"sequences": sequences}),
        "sequences_after": {name: later},
    }
    assert prove_it(directory_store, rewrite_manifest(directory_store, manifest.model_copy(update=moved)), scratch)


def test_an_extension_that_the_scratch_server_lacks_is_named(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, production)
    for version, sentence in (
        ({"postgis": "3.4.2"}, "extension postgis of the backup is not installed on the scratch server"),
        ({"hstore": "0.1"}, "extension hstore: version 0.1 expected, the scratch server offers 1.4"),
    ):
        extensions = {**manifest.fingerprint.extensions, **version}
        fingerprint = manifest.fingerprint.model_copy(update={"extensions": extensions})
        forged = rewrite_manifest(directory_store, manifest.model_copy(update={"fingerprint": fingerprint}))
        with pytest.raises(Refused) as caught:
            prove_it(directory_store, forged, scratch)
        assert caught.value.message.startswith(sentence)
        assert "the same package" in caught.value.hint


def test_an_extension_of_an_older_version_comes_back_in_that_version(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(
        production,
        "create extension hstore version '1.4'; create table pairs (h hstore); insert into pairs values ('a=>1')",
    )
    manifest = back_up(directory_store, production)
    assert manifest.fingerprint.extensions["hstore"] == "1.4"
    assert prove_it(directory_store, manifest, scratch).rows == 1


def test_an_extension_of_an_older_version_in_a_schema_of_its_own_is_refused_with_what_helps(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, "create schema tools; create extension hstore schema tools version '1.4'")
    manifest = back_up(directory_store, production)
    with pytest.raises(Refused) as caught:
        prove_it(directory_store, manifest, scratch)
    assert caught.value.message.startswith(
        "extension hstore: version 1.4 expected in schema tools, where a restore makes 1."
    )
    assert "ALTER EXTENSION hstore UPDATE TO '1." in caught.value.hint
    assert "another backup would not help" in caught.value.hint


def test_a_collation_that_the_scratch_server_lacks_is_said_and_does_not_refuse(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    execute(production, SHOP)
    manifest = back_up(directory_store, production)
    elsewhere = {"collate": "xx_XX.UTF-8", "ctype": "xx_XX.UTF-8"}
    forged = rewrite_manifest(directory_store, manifest.model_copy(update=elsewhere))
    assert prove_it(directory_store, forged, scratch).notes == (
        "the scratch server does not have the collation xx_XX.UTF-8: restored with C instead",
    )


def test_a_scratch_server_of_another_major_is_refused(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    manifest = back_up(directory_store, production)
    older = manifest.identity.model_copy(update={"server_version_num": 150018, "server_version": "15.18"})
    forged = rewrite_manifest(directory_store, manifest.model_copy(update={"identity": older}))
    with pytest.raises(Refused, match=r"expected a scratch server of version 15, as .* is of one, found 18"):
        prove_it(directory_store, forged, scratch)


def test_a_dump_of_newer_clients_is_refused_by_name(
    directory_store: ObjectStore, production: SecretStr, scratch: ScratchServer
) -> None:
    forged = rewrite_manifest(
        directory_store, back_up(directory_store, production).model_copy(update={"client": "19.1"})
    )
    with pytest.raises(Refused, match=r"was dumped by pg_dump 19\.1, which pg_restore 18\.6 cannot read"):
        prove_it(directory_store, forged, scratch)
