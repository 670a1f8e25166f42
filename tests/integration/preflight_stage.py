"""A small release to ask the checklist about: a folder of migrations, a production behind it, and a staging."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import sql
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import session_settings
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.drizzle.states import states
from tasks.gate.evidence import Verdict
from tasks.gate.plan import Plan, Rollback
from tasks.preflight.check import Answer
from tasks.preflight.question import Question

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
FIRST_MS = 1_760_000_000_000
FIRST, SECOND = "0000_first", "0001_second"
MIGRATIONS = {
    FIRST: "create table orders (id bigint primary key, note text not null);",
    SECOND: "alter table orders add column paid boolean not null default false;",
}


def write_folder(where: Path, migrations: Mapping[str, str] = MIGRATIONS) -> Path:
    """A folder of generation 0."""
    (where / "meta").mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (tag, text) in enumerate(migrations.items()):
        (where / f"{tag}.sql").write_text(text)
        entries.append({"idx": number, "version": "7", "when": FIRST_MS + number, "tag": tag, "breakpoints": True})
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    (where / "meta" / "_journal.json").write_text(json.dumps(journal))
    return where


def migrate(url: SecretStr, migrations: Mapping[str, str]) -> None:
    """Bring a database to where Drizzle would have brought it."""
    with postgres.connect(url, purpose="test") as connection:
        connection.execute("create schema if not exists drizzle")
        connection.execute(
            "create table if not exists drizzle.__drizzle_migrations"
            " (id serial primary key, hash text not null, created_at bigint)"
        )
        for number, text in enumerate(migrations.values()):
            connection.execute(text.encode())
            connection.execute(
                "insert into drizzle.__drizzle_migrations (hash, created_at) values (%s, %s)",
                [hashlib.sha256(text.encode()).hexdigest(), FIRST_MS + number],
            )


@contextmanager
def session(url: SecretStr) -> Iterator[postgres.Connection]:
    with postgres.connect(url, purpose="test session") as connection:
        yield connection


@contextmanager
def plain_role(url: SecretStr) -> Iterator[tuple[str, SecretStr]]:
    """A role with nothing but CONNECT, gone at the end."""
    with session(url) as connection:
        name = f"plain_{connection.info.backend_pid}"
        role = sql.Identifier(name)
        connection.execute(sql.SQL("create role {} login password 'plain'").format(role))
        try:
            yield name, make_url({**parameters(url), "user": name, "password": "plain"})
        finally:
            connection.execute(sql.SQL("drop owned by {}").format(role))
            connection.execute(sql.SQL("drop role {}").format(role))


def only(*tags: str) -> dict[str, str]:
    return {tag: MIGRATIONS[tag] for tag in tags}


def settings_for(folder: Path, production: SecretStr, staging: SecretStr | None = None, **more: Any) -> Settings:
    return Settings(
        production_url=production,
        staging_url=staging,
        migrations=folder,
        store_url=(folder.parent / "store").as_uri(),
        policy_file=folder.parent / "gate.toml",
        **more,
    )


def plan_for(settings: Settings, rollbacks: Mapping[str, str] | None = None) -> Plan:
    """The plan of this release, read from the real folder and the real ledger."""
    assert settings.production_url is not None
    folder = read_folder(settings.migrations)
    with postgres.connect(settings.production_url, purpose="test plan") as connection:
        identity = postgres.identity(connection)
        ledger = read_ledger(connection, settings.migrations_schema, settings.migrations_table)
        set_there = session_settings(connection)
    planned, pending, problems = states(folder, ledger, int(NOW.timestamp() * 1000))
    return Plan(
        target=settings.target,
        identity=identity,
        tool="drizzle",
        generation=folder.generation,
        ledger_schema=settings.migrations_schema,
        ledger_table=settings.migrations_table,
        ledger_head=ledger.head,
        migrations=planned,
        pending=pending,
        rollbacks=tuple(
            Rollback(tag=tag, file=f"rollback/{tag}.sql", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
            for tag, text in (rollbacks or {}).items()
        ),
        problems=problems,
        session_settings=set_there,
    )


def question_for(
    settings: Settings,
    *,
    policy: Mapping[str, Any] | None = None,
    programs: Programs | None = None,
    scratch: ScratchServer | None = None,
    rollbacks: Mapping[str, str] | None = None,
    **more: Any,
) -> Question:
    def given(value: Any) -> Any:
        assert value is not None, "this test did not expect to be asked for it"
        return value

    return Question(
        settings=settings,
        policy=Policy.model_validate(policy or {}),
        now=NOW,
        programs=lambda: given(programs),
        scratch=lambda: given(scratch),
        plan=plan_for(settings, rollbacks),
        folder=read_folder(settings.migrations),
        **more,
    )


def said(answer: Answer) -> tuple[Verdict, str]:
    return answer.verdict, answer.sentence
