"""Where a folder is migrated: a fresh database for each run, by Drizzle or by Gate, and a picture of what it leaves."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.child import connection_environment, run
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.fingerprints import take
from tasks.clients.programs import Programs, embedded_programs
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.make_plan import make_plan
from tasks.run_segments import run_plan
from tasks.tool import DRIZZLE
from tests.equality.node import Drizzle, DrizzleFailed

DUMP_S = 300
ROLES = "select rolname from pg_roles where rolname !~ '^pg_'"
OWN_SETTINGS = "select distinct rolname from pg_db_role_setting join pg_roles r on r.oid = setrole"

Rows = tuple[tuple[str, int | None, str | None], ...]  # of the ledger: hash, created_at, name
_numbers = itertools.count(1)


class End(NamedTuple):
    """How a migrator ended."""

    code: str = ""  # the server's code, `refused` and the problem's name, or empty for success
    said: str = ""
    tag: str | None = None  # the migration that failed, as far as the migrator says it

    @property
    def refused(self) -> bool:
        """True when Gate did not even begin."""
        return self.code.startswith("refused")

    def __str__(self) -> str:
        where = f" at {self.tag}" if self.tag else ""
        return f"{self.code}{where}: {self.said}" if self.code else "success"


class Picture(NamedTuple):
    """What a database shows after a run."""

    schema: str  # pg_dump -s
    rows: Rows
    counts: dict[str, int]  # rows of every table; contents differ by design where a default makes uuids or times


@dataclass
class Bench:
    """Where and with what a folder is compared."""

    server: EmbeddedServer
    drizzle: Drizzle
    schema: str = "drizzle"
    table: str = "__drizzle_migrations"
    prepare: list[str] = field(default_factory=list)  # SQL that every fresh database gets first
    programs: Programs = field(default_factory=embedded_programs)

    @contextmanager
    def database(self) -> Iterator[SecretStr]:
        """An empty, prepared database; roles that a migration makes are the whole cluster's, and go with it."""
        before = self._roles()
        name = f"equality_{os.getpid()}_{next(_numbers)}"
        url = self.server.create_database(name)
        try:
            with postgres.connect(url, purpose="equality") as connection:
                for text in self.prepare:
                    connection.execute(text.encode())
            yield url
        finally:
            self.server.drop_database(name)
            self._forget(before)

    def takes(self, text: str) -> bool:
        """True when SQL that would get a database ready runs on this server: an extension may be missing there."""
        with self.database() as url, postgres.connect(url, purpose="equality") as connection:
            try:
                connection.execute(text.encode())
            except psycopg.Error:
                return False
        return True

    def _forget(self, before: set[str]) -> None:
        """Take back what a history did to the whole cluster: roles that it made, settings of those that were there."""
        with postgres.connect(self.server.url(), purpose="equality") as connection:
            if made := sorted(self._roles() - before):
                names = sql.SQL(", ").join(map(sql.Identifier, made))
                connection.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(names))
            for (role,) in connection.execute(OWN_SETTINGS).fetchall():
                connection.execute(sql.SQL("alter role {} reset all").format(sql.Identifier(role)))
            connection.execute("alter database postgres reset all")

    def by_drizzle(self, folder: Path, url: SecretStr) -> End:
        """The official migrator."""
        where = {"url": url.get_secret_value(), "schema": self.schema, "table": self.table}
        try:
            self.drizzle.ask("migrate", folder=str(folder), **where)
        except DrizzleFailed as failure:
            return End(failure.code, failure.said)
        return End()

    def by_kit(self, folder: Path, url: SecretStr) -> End:
        """The command line; it says neither what failed nor why."""
        done = self.drizzle.kit(folder, url.get_secret_value(), self.schema, self.table)
        return End(f"exit code {done.code}", done.out[-300:]) if done.code else End()

    def by_gate(self, folder: Path, url: SecretStr) -> End:
        """Gate's plan, and its apply of what that finds pending."""
        try:
            plan = self.plan(folder, url)
        except GateError as error:
            return End("refused: folder", error.message)
        if plan.problems:
            first = plan.problems[0]
            return End(f"refused: {first.kind}", first.cause, first.tag)
        return self._apply(plan, url)

    def plan(self, folder: Path, url: SecretStr) -> Plan:
        """What `gate plan` finds.

        Raises:
            GateError: the folder or the ledger cannot be read.
        """
        settings = Settings(migrations=folder, migrations_schema=self.schema, migrations_table=self.table)
        with postgres.connect(url, purpose="equality", read_only=True) as connection:
            identity = postgres.identity(connection)
            return make_plan(settings, Policy(), connection=connection, identity=identity, tools={})

    def _apply(self, plan: Plan, url: SecretStr) -> End:
        with postgres.connect(url, purpose="equality", statement_timeout_ms=0) as connection:
            try:
                run_plan(connection, plan)
            except GateError as failure:
                refused = failure.nouns.get("kind")
                code = f"refused: {refused}" if refused else str(failure.nouns.get("sqlstate") or "failed")
                tag = failure.nouns.get("tag")
                said = str(failure.nouns.get("server_message") or failure.message)
                return End(code, said, str(tag) if tag else None)
        return End()

    def make_ledger(self, url: SecretStr, generation: int) -> None:
        """The empty ledger, as both tools make it before they begin."""
        with postgres.connect(url, purpose="equality") as connection:
            DRIZZLE.apply(connection, generation=generation, schema=self.schema, table=self.table, pending=())

    def picture(self, url: SecretStr) -> Picture:
        """What the database shows."""
        with postgres.connect(url, purpose="equality", read_only=True) as connection:
            counts = {name: found.rows for name, found in take(connection).tables.items()}
        return Picture(self._dump(url), self.rows(url), counts)

    def rows(self, url: SecretStr) -> Rows:
        """The ledger's rows; ids differ wherever a run failed before, and `applied_at` is a clock."""
        with postgres.connect(url, purpose="equality", read_only=True) as connection:
            ledger = read_ledger(connection, self.schema, self.table)
        return tuple((row.hash, row.created_at, row.name) for row in ledger.rows)

    def pending(self, folder: Path, url: SecretStr) -> list[str]:
        """What Gate would still do, or say."""
        plan = self.plan(folder, url)
        assert len(plan.migrations) == len(read_folder(folder).migrations) or plan.problems
        return [m.tag for m in plan.pending] + [problem.cause for problem in plan.problems]

    def _dump(self, url: SecretStr) -> str:
        argv = [self.programs.path("pg_dump"), "-s"]
        with connection_environment(url) as environment:
            done = run(argv, environment=environment, timeout_s=DUMP_S)
        assert done.returncode == 0, done.stderr
        return "\n".join(line for line in done.stdout.decode().splitlines() if not line.startswith("\\"))

    def _roles(self) -> set[str]:
        with postgres.connect(self.server.url(), purpose="equality") as connection:
            return {name for (name,) in connection.execute(ROLES)}
