"""A restored copy made by plain SQL, and plans over it, for the tests of the rehearsal."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.drizzle.ledger import read_ledger
from tasks.gate.identity import Identity
from tasks.gate.model import sha256
from tasks.gate.plan import Migration, Plan, PlannedMigration, Rollback, State
from tasks.gate.rehearsal import Rehearsal
from tasks.read_scripts import read_segments
from tasks.rehearse import rehearse

_numbers = itertools.count(1)

SHOP = """
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at) values ('first', 1000);
create table customers (id serial primary key, name text not null, phone text);
create table orders (
  id serial primary key, customer int not null references customers on delete cascade,
  total numeric(12,2) not null, note text
);
insert into customers (name, phone) select 'c' || g, case when g % 2 = 0 then '555-' || g end
  from generate_series(1, 100) g;
insert into orders (customer, total, note) select 1 + g % 100, g, 'n' || g from generate_series(1, 2000) g;
"""


@dataclass
class Copy:
    """One restored database on the scratch server."""

    scratch: ScratchServer
    programs: Programs
    name: str

    def session(self) -> postgres.Connection:
        return postgres.connect(self.scratch.database_url(self.name), purpose="test")

    def sql(self, text: str) -> None:
        with self.session() as connection:
            connection.execute(text)

    def ask(self, question: str) -> list[tuple]:
        with self.session() as connection:
            return connection.execute(question).fetchall()

    def plan(self, *migrations: tuple[str, str], rollbacks: dict[str, str] | None = None, generation: int = 0) -> Plan:
        """A plan of (tag, text with breakpoints) and of rollback texts by tag."""
        with self.session() as connection:
            ledger = read_ledger(connection, "drizzle", "__drizzle_migrations")
        pending = tuple(
            Migration(
                tag=tag,
                file=f"{tag}.sql",
                hash=sha256(text.encode()),
                created_at=2000 + number,
                name=tag if generation else None,
                statements=tuple(text.split("--> statement-breakpoint")),
            )
            for number, (tag, text) in enumerate(migrations)
        )
        found = tuple(
            Rollback(tag=tag, file=f"rollback/{tag}.sql", sha256=sha256(text.encode()), text=text)
            for tag, text in (rollbacks or {}).items()
        )
        return Plan(
            target="shop",
            identity=Identity(
                system_identifier="1",
                database_oid=1,
                database="shop",
                timeline=1,
                server_version_num=self.scratch.version_num,
                server_version="18",
            ),
            tool="drizzle",
            generation=generation,
            ledger_schema="drizzle",
            ledger_table="__drizzle_migrations",
            ledger_head=ledger.head,
            migrations=tuple(PlannedMigration(tag=m.tag, state=State.PENDING) for m in pending),
            pending=pending,
            rollbacks=found,
            segments=read_segments(pending, self.scratch.version_num // 10000),
        )

    def rehearse(self, *texts: str, rollbacks: dict[str, str] | None = None) -> Rehearsal:
        """The rehearsal of texts as migrations 0001, 0002, ..."""
        plan = self.plan(*((f"{n:04}", text) for n, text in enumerate(texts, 1)), rollbacks=rollbacks)
        return self.of(plan)

    def of(self, plan: Plan) -> Rehearsal:
        return rehearse(scratch=self.scratch, database=self.name, plan=plan, programs=self.programs)


@contextmanager
def restored_copy(scratch: ScratchServer, programs: Programs, text: str = SHOP) -> Iterator[Copy]:
    """A fresh restored database, gone at the end."""
    copy = Copy(scratch, programs, f"restored_{os.getpid()}_{next(_numbers)}")
    scratch.create_database(copy.name)
    try:
        copy.sql(text)
        yield copy
    finally:
        scratch.drop_database(copy.name)


def apply_by_hand(connection: psycopg.Connection, plan: Plan) -> None:
    """What Drizzle does, for tests that only need an applied plan."""
    for migration in plan.pending:
        for statement in migration.statements:
            connection.execute(statement.encode())
        connection.execute(
            "insert into drizzle.__drizzle_migrations (hash, created_at) values (%s, %s)",
            [migration.hash, migration.created_at],
        )
