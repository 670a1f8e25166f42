"""A project as a user has one: a Drizzle folder, production and staging, and `gate` run as a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.stores import open_store
from tasks.drizzle.folder import read_folder
from tasks.record import Record
from tasks.run_segments import plan_over, run_plan
from tasks.target_log import TargetLog

GATE = str(Path(sys.executable).with_name("gate"))
BREAK = "--> statement-breakpoint\n"
FIRST_STAMP = 1_750_000_000_000

INIT = (
    "CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL);",
    "CREATE TABLE orders (id serial PRIMARY KEY, customer_id integer REFERENCES customers, total integer NOT NULL);",
)
ADD_NOTE = ("ALTER TABLE orders ADD COLUMN note text;", "UPDATE orders SET note = 'seen' WHERE id % 10 = 0;")
DROP_NOTE = "ALTER TABLE orders DROP COLUMN note;\n"
SEED = """
insert into customers (name) select 'customer ' || n from generate_series(1, 50) n;
insert into orders (customer_id, total) select 1 + n % 50, n * 7 from generate_series(1, 2000) n;
"""


@dataclass
class Ended:
    """What a `gate` process printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON of the last line."""
        return json.loads(self.out.strip().splitlines()[-1])

    @property
    def all(self) -> str:
        """Everything a person could have seen."""
        return self.out + self.err


@dataclass
class Project:
    """One project on real servers."""

    home: Path
    production: SecretStr
    staging: SecretStr
    pg_bin: Path
    store: str
    tags: list[str] = field(default_factory=list)
    policy: str = "[verify]\nhealth_attempts = 1\n"
    extra: dict[str, str] = field(default_factory=dict)
    # For what tests share, such as a server: pytest gives the name of a folder again once its test has passed.
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def folder(self) -> Path:
        """The migrations."""
        return self.home / "drizzle"

    def begin(self) -> None:
        """A first migration in production and staging, with rows."""
        self.add("init", INIT)
        for url in (self.production, self.staging):
            self.migrate(url)
            self.sql(url, SEED)

    def add(self, name: str, statements: Sequence[str], rollback: str | None = None) -> str:
        """Write one more migration into the folder, as drizzle-kit does; returns its tag."""
        tag = f"{len(self.tags):04}_{name}"
        self.tags.append(tag)
        (self.folder / "meta").mkdir(parents=True, exist_ok=True)
        (self.folder / f"{tag}.sql").write_text(BREAK.join(statements))
        entries = [
            {"idx": n, "version": "7", "when": FIRST_STAMP + n * 60_000, "tag": t, "breakpoints": True}
            for n, t in enumerate(self.tags)
        ]
        journal = {"version": "7", "dialect": "postgresql", "entries": entries}
        (self.folder / "meta" / "_journal.json").write_text(json.dumps(journal, indent=2))
        if rollback is not None:
            (self.folder / "rollback").mkdir(exist_ok=True)
            (self.folder / "rollback" / f"{tag}.sql").write_text(rollback)
        return tag

    def migrate(self, url: SecretStr) -> None:
        """Apply the whole folder to a database that holds some or none of it."""
        folder = read_folder(self.folder)
        with postgres.connect(url, purpose="tests") as connection:
            done = self._applied(connection)
            pending = tuple(m for m in folder.migrations if m.hash not in done)
            run_plan(connection, plan_over(connection, folder, pending, ("drizzle", "__drizzle_migrations")))

    def ready(self) -> str:
        """A release as it should be: one pending migration, in staging already, with rollback SQL."""
        self.begin()
        tag = self.add("note", ADD_NOTE, DROP_NOTE)
        self.migrate(self.staging)
        return tag

    def environment(self, **more: str) -> dict[str, str]:
        """What `gate` sees: nothing of the shell that runs the tests but PATH and HOME."""
        (self.home / "gate.toml").write_text(self.policy)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TMPDIR": tempfile.gettempdir(),
            "GATE_TARGET": "shop",
            "GATE_PRODUCTION_URL": self.production.get_secret_value(),
            "GATE_STAGING_URL": self.staging.get_secret_value(),
            "GATE_MIGRATIONS": str(self.folder),
            "GATE_STORE_URL": self.store,
            "GATE_PG_BIN": str(self.pg_bin),
            **self.extra,
            **more,
        }

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start `gate` as a process of its own."""
        environment = {k: v for k, v in self.environment(**more).items() if v != "-"}
        return subprocess.Popen(
            [GATE, *arguments],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def gate(self, *arguments: str, seconds: float = 120, **more: str) -> Ended:
        """Run `gate` to its end; a variable set to `-` is left out."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=seconds)
        return Ended(process.returncode, out, err)

    def waiting_release(self, seconds: float = 60, *, state: str = "waiting for approval") -> str:
        """The id of the release that waits for approval, or in another state, read from the record itself."""
        target = self.extra.get("GATE_TARGET", "shop")
        until = time.monotonic() + seconds
        seen = "none has begun"
        while time.monotonic() < until:
            store = open_store(self.store)
            current = TargetLog(store, target).current()
            if current and Record.exists(store, target, current):
                story = Record.open(store, target, current).story()
                if story.state == state:
                    return current
                seen = f"{current} is {story.state}"
            time.sleep(0.1)
        raise AssertionError(f"no release is {state} after {seconds} s: {seen}")

    def sql(self, url: SecretStr, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL as the owner of a database."""
        with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def columns(self, table: str = "orders") -> list[str]:
        """The columns of a production table."""
        alive = f"attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
        rows = self.sql(self.production, f"select attname from pg_attribute where {alive} order by attnum")
        return [row[0] for row in rows]

    def ledger(self) -> list[tuple[Any, ...]]:
        """Production's ledger rows."""
        return self.sql(self.production, "select hash, created_at from drizzle.__drizzle_migrations order by id")

    def contents(self) -> list[tuple[Any, ...]]:
        """Counts and sums that any lost or changed row would move."""
        return self.sql(
            self.production,
            "select (select count(*) from customers), count(*), sum(hashtextextended(o::text, 0)) from orders o",
        )

    @staticmethod
    def _applied(connection: postgres.Connection) -> set[str]:
        if connection.execute("select to_regclass('drizzle.__drizzle_migrations')").fetchone() == (None,):
            return set()
        return {row[0] for row in connection.execute("select hash from drizzle.__drizzle_migrations").fetchall()}
