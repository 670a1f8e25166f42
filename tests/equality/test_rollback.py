"""After a rollback Drizzle's own migrators apply again exactly what was taken back, in both generations (case 34)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_text
from tasks.gate.plan import Plan, Purpose
from tasks.occasion import Occasion
from tasks.planners import plan_for
from tasks.record import Record
from tasks.tool import run
from tests.equality.node import Drizzle, NoNode
from tests.servers.postgres import fresh_database

LEDGER = ("drizzle", "__drizzle_migrations")
RELEASE = "20251101-120000-production-abc123"
MIGRATIONS = {
    "init": ("CREATE TABLE orders (id serial PRIMARY KEY);", "DROP TABLE orders;"),
    "note": ("ALTER TABLE orders ADD COLUMN note text;", "ALTER TABLE orders DROP COLUMN note;"),
    "items": ("CREATE TABLE items (id serial PRIMARY KEY);", "DROP TABLE items;"),
}


@pytest.fixture(scope="module", params=[0, 1], ids=["journal", "folders"])
def drizzle(request: pytest.FixtureRequest) -> Iterator[Drizzle]:
    try:
        tool = Drizzle(request.param)
    except NoNode as missing:
        pytest.skip(str(missing))
    with tool:
        yield tool


def folder(root: Path, generation: int) -> list[str]:
    """Three migrations with rollback SQL; returns their tags."""
    tags = [
        f"{n:04}_{name}" if generation == 0 else f"2025010{n + 1}000000_{name}" for n, name in enumerate(MIGRATIONS)
    ]
    (root / "rollback").mkdir(parents=True)
    (root / "meta").mkdir()
    for tag, (up, down) in zip(tags, MIGRATIONS.values(), strict=True):
        (root / tag).mkdir()
        file = root / f"{tag}.sql" if generation == 0 else root / tag / "migration.sql"
        file.write_text(up)
        (root / "rollback" / f"{tag}.sql").write_text(down)
    if generation == 0:
        entries = [{"idx": n, "when": 1_750_000_000_000 + n, "tag": tag} for n, tag in enumerate(tags)]
        (root / "meta/_journal.json").write_text(json.dumps({"dialect": "postgresql", "entries": entries}))
    return tags


def planned(url: SecretStr, root: Path, subject: str) -> Plan:
    with postgres.connect(url, purpose="tests", read_only=True) as connection:
        occasion = Occasion(
            settings=Settings(migrations=root, production_url=url),
            policy=Policy(),
            store=DirectoryStore(root / "store"),
            connection=connection,
            identity=postgres.identity(connection),
            tools={},
            subject=subject,
        )
        return plan_for(Purpose.ROLLBACK, occasion)


def recorded(root: Path, plan: Plan, tag: str) -> None:
    """A release that applied this one migration."""
    record = Record(DirectoryStore(root / "store"), "production", RELEASE, owner="tests")
    released = plan.model_copy(
        update={
            "purpose": Purpose.RELEASE,
            "ledger_after": None,
            "pending": tuple(m for m in plan.pending if m.tag == tag),
        }
    )
    record.append("opened", {})
    record.append("planned", {"plan": released.model_dump(mode="json"), "digest": ""})
    record.append("applied", {})


def look(url: SecretStr, programs: Programs) -> tuple[str, list[str]]:
    with postgres.connect(url, purpose="tests") as connection:
        rows = connection.execute("select hash from drizzle.__drizzle_migrations order by hash").fetchall()
    return schema_text(url, programs), [hash_ for (hash_,) in rows]


def test_drizzle_applies_again_what_was_taken_back_from_the_newest_end(
    drizzle: Drizzle, production_server: EmbeddedServer, scratch_programs: Programs, tmp_path: Path
):
    tags = folder(tmp_path / "drizzle", drizzle.generation)
    with fresh_database(production_server, "shop") as url:
        request = {
            "url": url.get_secret_value(),
            "folder": str(tmp_path / "drizzle"),
            "schema": LEDGER[0],
            "table": LEDGER[1],
        }
        drizzle.ask("migrate", **request)
        before = look(url, scratch_programs)
        for subject in reversed(tags):
            plan = planned(url, tmp_path / "drizzle", subject)
            assert [m.tag for m in plan.pending] == list(reversed(tags[tags.index(subject) :]))
            assert not plan.problems
            with postgres.connect(url, purpose="tests") as connection:
                run(connection, plan)
            assert len(look(url, scratch_programs)[1]) == tags.index(subject)
            drizzle.ask("migrate", **request)
            assert look(url, scratch_programs) == before


def test_from_the_middle_only_the_generation_that_applies_it_again_lets_it_be_taken_back(
    drizzle: Drizzle, production_server: EmbeddedServer, scratch_programs: Programs, tmp_path: Path
):
    _, note, items = folder(tmp_path / "drizzle", drizzle.generation)
    with fresh_database(production_server, "shop") as url:
        request = {
            "url": url.get_secret_value(),
            "folder": str(tmp_path / "drizzle"),
            "schema": LEDGER[0],
            "table": LEDGER[1],
        }
        drizzle.ask("migrate", **request)
        before = look(url, scratch_programs)
        recorded(tmp_path / "drizzle", planned(url, tmp_path / "drizzle", note), note)
        plan = planned(url, tmp_path / "drizzle", RELEASE)
        assert [m.tag for m in plan.pending] == [note]
        if drizzle.generation == 0:
            assert [p.kind for p in plan.problems] == ["rollback-order"]
            assert f"drizzle would never apply {note} again" in plan.problems[0].cause
            return
        assert not plan.problems
        assert f"{items} came later and stays applied: it may need what is taken back" in plan.hazards
        with postgres.connect(url, purpose="tests") as connection:
            run(connection, plan)
        drizzle.ask("migrate", **request)
        assert look(url, scratch_programs) == before
