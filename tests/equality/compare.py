"""One folder, both tools: databases migrated by one, by the other and by both in turn must not be told apart."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.child import connection_environment, run
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.fingerprints import take
from tasks.clients.programs import embedded_programs
from tasks.drizzle.applying import StatementFailed
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.drizzle.states import states
from tasks.gate.plan import Folder
from tasks.tool import DRIZZLE
from tests.equality.node import Drizzle, DrizzleFailed
from tests.servers.postgres import fresh_database

Rows = tuple[tuple[str, int | None, str | None], ...]  # of the ledger: hash, created_at, name


class Picture(NamedTuple):
    """What a database shows after a run."""

    schema: str  # pg_dump -s
    rows: Rows
    counts: dict[str, int]  # rows of every table; contents differ by design where a default makes uuids or times


@dataclass(frozen=True)
class Bench:
    """Where and with what a folder is compared."""

    server: EmbeddedServer
    drizzle: Drizzle
    schema: str = "drizzle"
    table: str = "__drizzle_migrations"

    def by_drizzle(self, folder: Path, url: SecretStr) -> str:
        """The official migrator; returns the SQLSTATE of its failure."""
        try:
            self.drizzle.ask(
                "migrate", folder=str(folder), url=url.get_secret_value(), schema=self.schema, table=self.table
            )
        except DrizzleFailed as failure:
            return str(failure)
        return ""

    def by_kit(self, folder: Path, url: SecretStr) -> str:
        """The command line."""
        self.drizzle.kit(folder, url.get_secret_value(), self.schema, self.table)
        return ""

    def by_gate(self, path: Path, url: SecretStr) -> str:
        """Gate's apply of what Gate finds pending; returns its refusal or the SQLSTATE of its failure."""
        folder = read_folder(path)
        with postgres.connect(url, purpose="equality", statement_timeout_ms=0) as connection:
            ledger = read_ledger(connection, self.schema, self.table)
            _, pending, problems = states(folder, ledger, time.time_ns() // 1_000_000)
            if problems:
                return f"a refusal ({problems[0].cause})"
            try:
                DRIZZLE.apply(
                    connection,
                    generation=folder.generation,
                    schema=self.schema,
                    table=self.table,
                    pending=pending,
                    ledger_head=ledger.head if ledger.exists else None,
                )
            except StatementFailed as failure:
                return failure.sqlstate or failure.message
        return ""

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

    def _dump(self, url: SecretStr) -> str:
        pg_dump = embedded_programs().path("pg_dump")
        with connection_environment(url) as environment:
            done = run([pg_dump, "-s", "--restrict-key=gate"], environment=environment, timeout_s=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()


def compare(bench: Bench, folder: Path, half: Path | None = None, *, kit: bool = False) -> tuple[str, ...]:
    """Every difference between the two tools on one folder, in words; empty when there is none.

    Args:
        bench: a server and the tool of the folder's generation.
        folder: of migrations.
        half: the same project earlier, for a hand-over between the tools in either direction; left out when None.
        kit: let the command line migrate a database, too.
    """
    runs: list[tuple[str, Sequence[tuple[Callable[[Path, SecretStr], str], Path]]]] = [
        ("Gate", [(bench.by_gate, folder)])
    ]
    if kit:
        runs.append(("drizzle-kit", [(bench.by_kit, folder)]))
    if half is not None:
        runs.append(("Gate, then Drizzle", [(bench.by_gate, half), (bench.by_drizzle, folder)]))
        runs.append(("Drizzle, then Gate", [(bench.by_drizzle, half), (bench.by_gate, folder)]))
    differences = list(_reading(bench, folder))
    with ExitStack() as databases:
        reference = databases.enter_context(fresh_database(bench.server, "drizzle"))
        expected_end, expected = bench.by_drizzle(folder, reference), bench.picture(reference)
        for name, steps in runs:
            url = databases.enter_context(fresh_database(bench.server, "other"))
            end = [step(path, url) for step, path in steps][-1]
            if end != expected_end:
                differences.append(f"Drizzle ended with {expected_end or 'success'}, {name} with {end or 'success'}")
            differences += _told_apart(expected, bench.picture(url), name)
            if not expected_end:
                differences += _again(bench, folder, url, name)
        if not expected_end:
            differences += _again(bench, folder, reference, "Drizzle")
    return tuple(differences)


def _reading(bench: Bench, path: Path) -> Iterator[str]:
    """The files before any database: order, pieces, hashes, times."""
    folder = read_folder(path)
    theirs = [
        (m["sql"], m["hash"], _number(m["millis"]), m["name"]) for m in bench.drizzle.ask("read", folder=str(path))
    ]
    ours = [(list(m.statements), m.hash, m.created_at, m.name) for m in folder.migrations]
    if ours != theirs:
        yield f"the files are read differently: {json.dumps(ours)[:300]} and {json.dumps(theirs)[:300]}"


def _number(millis: Any) -> int | None:
    return None if millis is None else int(millis)


def _told_apart(expected: Picture, found: Picture, name: str) -> Iterator[str]:
    if expected.schema != found.schema:
        yield f"the schema after {name} differs"
    if expected.rows != found.rows:
        yield f"the ledger after {name} differs: {found.rows} instead of {expected.rows}"
    if expected.counts != found.counts:
        yield f"the tables after {name} hold other numbers of rows"


def _again(bench: Bench, path: Path, url: SecretStr, name: str) -> Iterator[str]:
    """Neither tool finds anything to do on what is complete."""
    folder = read_folder(path)
    pending = _pending(bench, folder, url)
    if pending:
        yield f"after {name}, Gate sees {pending} as pending"
    before = bench.rows(url)
    end = bench.by_drizzle(path, url)
    if end or bench.rows(url) != before:
        yield f"after {name}, Drizzle did something again ({end or 'and succeeded'})"


def _pending(bench: Bench, folder: Folder, url: SecretStr) -> list[str]:
    with postgres.connect(url, purpose="equality", read_only=True) as connection:
        ledger = read_ledger(connection, bench.schema, bench.table)
    lines, pending, problems = states(folder, ledger, time.time_ns() // 1_000_000)
    assert len(lines) == len(folder.migrations)
    return [m.tag for m in pending] + [problem.cause for problem in problems]


def first_half(folder: Path, into: Path) -> Path | None:
    """The project as it was after the first half of its migrations; None when it has fewer than two."""
    found = read_folder(folder)
    keep = len(found.migrations) // 2
    if not keep:
        return None
    shutil.copytree(folder, into)
    if found.generation == 1:
        for migration in found.migrations[keep:]:
            shutil.rmtree(into / migration.tag)
        return into
    file = into / "meta/_journal.json"
    journal = json.loads(file.read_text())
    journal["entries"] = journal["entries"][:keep]
    file.write_text(json.dumps(journal))
    return into
