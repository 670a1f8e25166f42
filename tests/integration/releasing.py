"""A release in the middle of its way: a shop in production, a plan over it, and a record that allows the apply."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.back_up import take_backup
from tasks.clients import postgres
from tasks.clients.address import parameters
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import find
from tasks.clients.schema_text import schema_text
from tasks.drizzle.ledger import read_ledger
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.model import sha256
from tasks.gate.plan import Migration, Plan, PlannedMigration, Rollback, State
from tasks.gate.rehearsal import Rehearsal, RehearsedStatement, RollbackRehearsal
from tasks.read_scripts import read_segments
from tasks.record import Record
from tasks.release import Release

_numbers = itertools.count(1)
LEDGER = ("drizzle", "__drizzle_migrations")
SHOP = """
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at) values ('first', 1000);
create table customers (id bigint generated always as identity primary key, name text not null);
create table orders (id bigint generated always as identity primary key, customer bigint references customers,
                     note text, total numeric(12,2));
create table visits (path text, seen timestamptz default now());
insert into customers (name) select 'c' || g from generate_series(1, 50) g;
insert into orders (customer, note, total) select 1 + g % 50, 'n' || g, g from generate_series(1, 500) g;
insert into visits (path) select '/' || g from generate_series(1, 20) g;
"""
ADD_COLUMN = "alter table orders add column status text not null default 'new';"
DROP_COLUMN = "alter table orders drop column status;"
# Fast enough for tests: pauses are more than ten times the lock timeout.
QUICK: dict[str, Any] = {
    "apply": {"lock_timeout_ms": 60, "attempts": 4, "max_wait_seconds": 20},
    "verify": {"health_attempts": 1, "health_pause_seconds": 0},
}


NOT_REHEARSED = Rehearsal(
    statements=(), seconds=0, schema_sha256="", schema_text="", rollback=RollbackRehearsal(available=False)
)


@dataclass
class Shop:
    """Production's database, and the store beside it."""

    server: EmbeddedServer
    url: SecretStr
    store: DirectoryStore
    heard: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return parameters(self.url)["dbname"]

    def sql(self, text: str, database: str | None = None) -> list[tuple[Any, ...]]:
        with postgres.connect(self.url, purpose="test", database=database) as connection:
            cursor = connection.execute(text.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> list[str]:
        rows = self.sql(
            f"select datname::text from pg_database where datname like '{self.name}%' order by 1", "postgres"
        )
        return [name for (name,) in rows]

    def plan(self, *texts: str, rollbacks: tuple[str, ...] = ()) -> Plan:
        """Texts as migrations 0001, 0002, ..., pieces between breakpoints."""
        with postgres.connect(self.url, purpose="test", read_only=True) as connection:
            ledger, identity = read_ledger(connection, *LEDGER), postgres.identity(connection)
        pending = tuple(
            Migration(
                tag=f"{n:04}",
                file=f"{n:04}.sql",
                hash=sha256(text.encode()),
                created_at=2000 + n,
                name=None,
                statements=tuple(text.split("--> statement-breakpoint")),
            )
            for n, text in enumerate(texts, 1)
        )
        return Plan(
            segments=read_segments(pending, identity.major),
            target="shop",
            identity=identity,
            tool="drizzle",
            generation=0,
            ledger_schema=LEDGER[0],
            ledger_table=LEDGER[1],
            ledger_head=ledger.head,
            migrations=tuple(PlannedMigration(tag=m.tag, state=State.PENDING) for m in pending),
            pending=pending,
            rollbacks=tuple(
                Rollback(tag=f"{n:04}", file=f"rollback/{n:04}.sql", sha256=sha256(text.encode()), text=text)
                for n, text in enumerate(rollbacks, 1)
            ),
        )

    def rehearsal(self, plan: Plan, *, rollback: bool = False) -> Rehearsal:
        """What the rehearsal would say: the schema afterwards, read from a copy that the plan was applied to."""
        copy = f"{self.name}_copy"
        self.server.create_database(copy, template=self.name)
        for migration in plan.pending:
            for statement in migration.statements:
                self.sql(statement, copy)
        programs = find(plan.identity.major, None, server=False)
        text = schema_text(self.server.url(copy), programs, exclude_ledger=LEDGER)
        self.server.drop_database(copy)
        proved = dict.fromkeys(("ran", "schema_equal", "data_equal", "ledger_equal", "again"), rollback)
        return Rehearsal(
            statements=tuple(
                RehearsedStatement(tag=m.tag, index=i, sql=s, seconds=0.01)
                for m in plan.pending
                for i, s in enumerate(m.statements)
            ),
            seconds=0.1,
            schema_sha256=sha256(text.encode()),
            schema_text=text,
            rollback=RollbackRehearsal(available=rollback, **proved),
        )

    def back_up(self) -> Manifest:
        with postgres.connect(self.url, purpose="test", read_only=True) as connection:
            identity = postgres.identity(connection)
        return take_backup(
            store=self.store,
            target="shop",
            url=self.url,
            programs=find(identity.major, None, server=False),
            policy=Policy(),
            identity=identity,
            now=lambda: datetime.now(UTC),
            progress=lambda _figure: None,
        )

    def release(
        self,
        plan: Plan,
        manifest: Manifest | None = None,
        *,
        policy: dict[str, Any] | None = None,
        url: SecretStr | None = None,
        release_id: str = "",
        **settings: Any,
    ) -> Release:
        """A release whose record holds a proved backup and an approval of this plan."""
        release = self.open(release_id or f"20261123-140509-shop-{next(_numbers):06x}", policy, url, **settings)
        backup = manifest.id if manifest else "backup-20261123-140000"
        digest = sha256(manifest.stored()) if manifest else "0" * 64
        now = datetime.now(UTC)
        proof = Proof(
            backup=backup,
            proved_at=now.isoformat(),
            manifest_sha256=digest,
            read_back_seconds=0.1,
            restore_seconds=1,
            compare_seconds=0.1,
            server_version="18",
            tables=4,
            rows=571,
        )
        asked = {
            "digest": plan.digest,
            "asked_at": now.isoformat(),
            "expires_at": (now + timedelta(hours=1)).isoformat(),
            "started_by": "ann",
            "sentence": "",
        }
        decision = {"approved": True, "digest": plan.digest, "who": "bob", "door": "terminal", "at": now.isoformat()}
        release.record.append("opened", {"by": "ann"})
        release.record.append("planned", {"plan": plan.model_dump(mode="json"), "digest": plan.digest})
        release.record.append("backed_up", {"backup": backup})
        release.record.append("proved", proof)
        release.record.append("asked", asked)
        release.record.append("approved", decision)
        return release

    def open(
        self, release_id: str, policy: dict[str, Any] | None = None, url: SecretStr | None = None, **settings: Any
    ) -> Release:
        """The release as a process sees it that takes it up: nothing but the record and production."""
        return Release(
            id=release_id,
            settings=Settings(target="shop", production_url=url or self.url, **settings),
            policy=Policy.model_validate({**QUICK, **(policy or {})}),
            store=self.store,
            record=Record(self.store, "shop", release_id, owner="test", patience_seconds=0),
            say=self.heard.append,
        )

    def forget(self) -> None:
        """Drop everything that carries this shop's name."""
        for name in self.databases():
            self.server.drop_database(name)


@contextmanager
def open_shop(server: EmbeddedServer, folder: Path, text: str = SHOP) -> Iterator[Shop]:
    """A shop with rows, gone at the end with everything that was made beside it."""
    url = server.create_database(f"shop_{os.getpid()}_step_{next(_numbers)}")
    shop = Shop(server, url, DirectoryStore(folder / "store"))
    try:
        shop.sql(text)
        yield shop
    finally:
        shop.forget()


def kinds(release: Release) -> list[str]:
    return [event.kind for event in release.record.events]


@contextmanager
def later(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something while the block runs."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Fails when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
