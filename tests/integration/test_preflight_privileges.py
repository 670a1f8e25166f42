"""Privileges, one by one: what a bare role lacks is named, and typing the remedies is enough."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.privileges import missing_for_backup, missing_for_ledger, missing_for_sight, missing_for_swap
from tasks.gate.evidence import Verdict
from tasks.preflight import privileges
from tests.integration.preflight_stage import (
    FIRST,
    migrate,
    only,
    plain_role,
    question_for,
    said,
    session,
    settings_for,
    write_folder,
)

LEDGER = ("drizzle", "__drizzle_migrations")
TROUBLE = b"""
    create schema "Odd ""name";
    create table "Odd ""name"."T b" (id int);
    create sequence "Odd ""name".numbers;
    create table secrets (id int);
    alter table secrets enable row level security;
    select lo_create(4711);
"""


@pytest.fixture
def bare(production: SecretStr) -> Iterator[SecretStr]:
    """A role that may only connect, to a database with a bit of everything."""
    migrate(production, only(FIRST))
    with session(production) as owner, plain_role(production) as (name, url):
        owner.execute(TROUBLE)
        yield url
        owner.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(owner.info.dbname)))
        owner.execute(sql.SQL("revoke pg_monitor, pg_signal_backend from {}").format(sql.Identifier(name)))


def test_a_superuser_lacks_nothing(production: SecretStr, tmp_path: Path) -> None:
    migrate(production, only(FIRST))
    with question_for(settings_for(write_folder(tmp_path / "drizzle"), production)) as question:
        assert said(privileges.CHECK.ask(question)) == (
            Verdict.PASS,
            "postgres may read everything, write drizzle.__drizzle_migrations, and swap a restored backup in",
        )


def test_each_missing_privilege_is_named_with_the_statement_to_type(bare: SecretStr) -> None:
    with postgres.connect(bare, purpose="test", read_only=True) as connection:
        me = f'"{connection.info.user}"'
        backup = [str(m) for m in missing_for_backup(connection)]
        ledger = [str(m) for m in missing_for_ledger(connection, *LEDGER)]
    assert f'no USAGE on schema Odd "name: GRANT USAGE ON SCHEMA "Odd ""name" TO {me}' in backup
    assert f'no SELECT on table "Odd ""name"."T b": GRANT SELECT ON TABLE "Odd ""name"."T b" TO {me}' in backup
    assert (
        f'no SELECT on sequence "Odd ""name".numbers: GRANT SELECT ON SEQUENCE "Odd ""name".numbers TO {me}' in backup
    )
    assert f"no SELECT on table public.orders: GRANT SELECT ON TABLE public.orders TO {me}" in backup
    assert f"row security hides rows of public.secrets: ALTER ROLE {me} BYPASSRLS" in backup
    assert f"no SELECT on large object 4711: GRANT SELECT ON LARGE OBJECT 4711 TO {me}" in backup
    assert [line.partition(":")[0] for line in ledger] == [
        "no USAGE on schema drizzle",
        'no SELECT on "drizzle"."__drizzle_migrations"',
        'no INSERT on "drizzle"."__drizzle_migrations"',
        'no UPDATE on "drizzle"."__drizzle_migrations"',
        "no USAGE on sequence drizzle.__drizzle_migrations_id_seq",
    ]


def test_typing_every_remedy_is_enough(bare: SecretStr, production: SecretStr) -> None:
    with postgres.connect(bare, purpose="test") as connection, session(production) as owner:
        for ask in (missing_for_backup, missing_for_swap, missing_for_sight):
            for missing in ask(connection):
                owner.execute(missing.remedy.encode())
            assert ask(connection) == []
        for missing in missing_for_ledger(connection, *LEDGER):
            owner.execute(missing.remedy.encode())
        assert missing_for_ledger(connection, *LEDGER) == []
        with connection.transaction():
            connection.execute("lock table drizzle.__drizzle_migrations in access exclusive mode")
            connection.execute("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)")


def test_a_ledger_that_is_to_be_made_needs_create_on_the_database_or_on_its_schema(
    bare: SecretStr, production: SecretStr
) -> None:
    with postgres.connect(bare, purpose="test") as connection, session(production) as owner:
        (schema,) = missing_for_ledger(connection, "fresh", "ran")
        assert schema.what == "may not create the schema fresh"
        owner.execute(schema.remedy.encode())
        assert missing_for_ledger(connection, "fresh", "ran") == []
        owner.execute("create schema fresh")
        usage, create = missing_for_ledger(connection, "fresh", "ran")
        assert create.what == 'may not create the table "fresh"."ran"'
        owner.execute(usage.remedy.encode())
        owner.execute(create.remedy.encode())
        connection.execute("create table fresh.ran (id int)")


def test_what_the_backup_lacks_refuses_and_what_only_a_swap_lacks_warns(
    bare: SecretStr, production: SecretStr, tmp_path: Path
) -> None:
    settings = settings_for(write_folder(tmp_path / "drizzle"), production)
    with question_for(settings) as question, session(production) as owner:
        question.settings = settings.model_copy(update={"production_url": bare})
        answer = privileges.CHECK.ask(question)
        user = question.production().info.user
        assert answer.verdict is Verdict.FAIL
        assert answer.sentence.startswith(f'{user} lacks what the release needs: no USAGE on schema Odd "name, and ')
        needed = [*missing_for_backup(question.production()), *missing_for_ledger(question.production(), *LEDGER)]
        for missing in needed:
            owner.execute(missing.remedy.encode())
        assert said(privileges.CHECK.ask(question)) == (Verdict.WARN, f"{user} may not create a database")
