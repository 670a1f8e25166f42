"""What the tests of backups share: a shop with rows, a backup of it, a scratch server, and ways to spoil a backup."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.policy import Policy
from tasks.back_up import take_backup
from tasks.backup_folder import MANIFEST, folder
from tasks.backups import list_backups
from tasks.clients.child import connection_environment, run
from tasks.clients.compression import compress
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.object_store import ObjectStore
from tasks.clients.postgres import connect, identity
from tasks.clients.programs import Programs, embedded_programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.gate.errors import Refused
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest, Proof, StoredObject
from tasks.gate.model import sha256
from tasks.prove_backup import prove

TARGET = "shop"
SHOP = """
create table customers (id bigint generated always as identity primary key, email text unique not null);
create table orders (id bigint generated always as identity primary key,
                     customer bigint not null references customers, note text);
insert into customers (email) select 'customer' || n || '@example.com' from generate_series(1, 20) n;
insert into orders (customer, note) select 1 + n % 20, md5(n::text) from generate_series(1, 400) n;
"""


def clock() -> datetime:
    return datetime.now(UTC)


def execute(url: SecretStr, statements: str) -> None:
    with connect(url, purpose="test") as connection:
        connection.execute(statements)  # type: ignore[call-overload]


def value(url: SecretStr, query: str) -> object:
    with connect(url, purpose="test") as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return row[0]


def identity_of(url: SecretStr) -> Identity:
    with connect(url, purpose="test") as connection:
        return identity(connection)


def back_up(
    store: ObjectStore,
    url: SecretStr,
    compression: str = "zstd",
    *,
    progress: Callable[[str], None] = lambda _figure: None,
    now: Callable[[], datetime] = clock,
    expected: Identity | None = None,
    programs: Programs | None = None,
) -> Manifest:
    return take_backup(
        store=store,
        target=TARGET,
        url=url,
        programs=programs or embedded_programs(),
        policy=Policy.model_validate({"backup": {"compression": compression}}),
        identity=expected or identity_of(url),
        now=now,
        progress=progress,
    )


@contextmanager
def own_scratch() -> Iterator[ScratchServer]:
    with scratch_server(embedded_programs(), configured=None, never=None) as server:
        yield server


def prove_it(
    store: ObjectStore,
    manifest: Manifest,
    scratch: ScratchServer,
    *,
    into: str | None = None,
    programs: Programs | None = None,
    **others: object,
) -> Proof:
    return prove(
        store=store,
        manifest=manifest,
        scratch=scratch,
        programs=programs or embedded_programs(),
        now=clock,
        into=into,
        **others,  # type: ignore[arg-type]
    )


def databases(scratch: ScratchServer) -> list[str]:
    with connect(scratch.url, purpose="test") as connection:
        rows = connection.execute("select datname from pg_database where not datistemplate order by 1").fetchall()
    return [row[0] for row in rows]


def dump_with(url: SecretStr, *options: str, programs: Programs | None = None) -> bytes:
    """A dump as somebody else might have made it."""
    argv = [(programs or embedded_programs()).path("pg_dump"), "-Fc", "-Z0", *options]
    with connection_environment(url) as environment:
        said = run(argv, environment=environment)
    assert said.returncode == 0, said.stderr
    return said.stdout


def overwrite(store: ObjectStore, key: str, body: bytes) -> None:
    """What somebody with the right to write to the store can do."""
    store.delete(key)
    store.create(key, body)


def flip_bit(store: ObjectStore, key: str, share: float = 0.5) -> None:
    body = bytearray(store.read(key))
    body[int(len(body) * share)] ^= 0b100
    overwrite(store, key, bytes(body))


def rewrite_manifest(store: ObjectStore, manifest: Manifest) -> Manifest:
    """A forged manifest with a seal that holds."""
    sealed = manifest.sealed()
    overwrite(store, folder(manifest.target, manifest.id) + MANIFEST, sealed.stored())
    return sealed


def replace_dump(store: ObjectStore, manifest: Manifest, raw: bytes) -> Manifest:
    """Another dump in the place of this one, and a manifest that fits it in size and hash."""
    body = b"".join(compress(manifest.compression, (raw,)))
    overwrite(store, manifest.dump.key, body)
    dump = StoredObject(key=manifest.dump.key, bytes=len(body), sha256=sha256(body))
    return rewrite_manifest(store, manifest.model_copy(update={"dump": dump}))


def left_over(store: ObjectStore) -> list[str]:
    """Keys of a target's backups, and unfinished files of a directory store."""
    keys = [entry.key for entry in store.keys(f"{TARGET}/backups/")]
    if isinstance(store, DirectoryStore):
        drafts = store.root / ".unfinished"
        keys += [path.name for path in drafts.iterdir()] if drafts.exists() else []
    return keys


def children(name: str) -> list[int]:
    """Our child processes that run this program."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            argv = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue
        if parent == os.getpid() and Path(argv[0].decode()).name == name:
            found.append(int(entry.name))
    return found


def refusal(store: ObjectStore, manifest: Manifest, scratch: ScratchServer, **others: object) -> str:
    with pytest.raises(Refused) as caught:
        prove_it(store, manifest, scratch, into="never", **others)
    assert databases(scratch) == ["postgres"], "nothing of it stays on the scratch server"
    assert list_backups(store, TARGET) == [] or list_backups(store, TARGET)[0][1] is None, "and it has no proof"
    assert caught.value.hint
    return caught.value.message
