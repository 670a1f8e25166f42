"""The schema as text: equal when the schema is; and what hangs on a database's name, carried over."""

import pytest
from pydantic import SecretStr

from tasks.clients.database_settings import apply_settings, settings_of
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import connect, with_database
from tasks.clients.programs import embedded_programs
from tasks.clients.schema_text import normalised, schema_difference, schema_text
from tasks.gate.errors import Refused
from tests.integration.backing_up import SHOP, execute

FUNCTION = """
create function careful() returns text language plpgsql as $$
begin
-- a comment that belongs to the function
SET work_mem = '1MB';
update orders
SET note = 'x';


return 'y';
end $$;
"""
SETTINGS = (
    "create role set_owner; create role set_reader; alter database {0} owner to set_owner;"
    "alter database {0} connection limit 17; comment on database {0} is 'it''s \\ %s';"
    "revoke connect on database {0} from public; grant create on database {0} to set_reader with grant option;"
    "alter database {0} set search_path to '$user', 'a \"b', public; alter database {0} set work_mem to '7MB';"
    "alter database {0} set temp_tablespaces to ''; alter role set_reader in database {0} set my.option to 'it''s'"
)


def text_of(url: SecretStr, **options: object) -> str:
    return schema_text(url, embedded_programs(), **options)  # type: ignore[arg-type]


def test_the_same_schema_is_the_same_text_every_time_on_every_server(production: SecretStr, staging: SecretStr) -> None:
    execute(production, SHOP + FUNCTION)
    execute(staging, SHOP + FUNCTION + "alter table orders owner to pg_monitor; grant select on orders to public")
    text = text_of(production)
    assert text == text_of(production) == text_of(staging)
    assert text != text_of(staging, owners=True)
    assert "CREATE TABLE public.orders" in text
    assert "restrict" not in text
    assert "Dumped" not in text
    assert "SET statement_timeout" not in text


def test_the_body_of_a_function_is_left_alone(production: SecretStr) -> None:
    execute(production, SHOP + FUNCTION)
    text = text_of(production)
    assert "-- a comment that belongs to the function\n" in text
    assert "SET work_mem = '1MB';\n" in text
    assert "SET note = 'x';\n" in text


def test_a_change_is_shown_as_a_readable_difference(production: SecretStr, staging: SecretStr) -> None:
    execute(production, SHOP)
    execute(staging, SHOP + "alter table orders add column paid boolean default false")
    lines = schema_difference(text_of(production), text_of(staging), "the replay", "staging")
    assert lines[:2] == ("--- the replay", "+++ staging")
    assert "+    paid boolean DEFAULT false" in lines
    assert len(lines) < 14
    assert schema_difference(text_of(production), text_of(production), "a", "b") == ()


def test_the_migrations_table_can_be_left_out_with_its_sequence(production: SecretStr, staging: SecretStr) -> None:
    ledger = 'create schema drizzle; create table drizzle."__Drizzle migrations" (id serial primary key, hash text);'
    execute(production, SHOP + ledger)
    execute(staging, SHOP + "create schema drizzle")
    assert text_of(production, exclude_ledger=("drizzle", "__Drizzle migrations")) == text_of(staging)


def test_addresses_and_passwords_of_foreign_servers_are_not_in_it(production: SecretStr, staging: SecretStr) -> None:
    foreign = (
        "create extension postgres_fdw; create server far foreign data wrapper postgres_fdw options (host '{0}');"
        "create user mapping for public server far options (user 'u', password 'hush-{0}\n);x')"
    )
    execute(production, foreign.format("one"))
    execute(staging, foreign.format("two"))
    text = text_of(production)
    assert "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (hidden);" in text
    assert "hush" not in text
    assert text == text_of(staging)


def test_numbers_that_newer_servers_give_to_attributes_are_ignored() -> None:
    line = 'ALTER TABLE ONLY public."a b" ALTER COLUMN c SET (pg_attver=26723520);\n'
    assert (
        normalised("CREATE TABLE x;\n\n" + line + "\n\n\nCREATE TABLE y;\n") == "CREATE TABLE x;\n\nCREATE TABLE y;\n"
    )


def test_a_database_that_cannot_be_read_refuses(production: SecretStr) -> None:
    with pytest.raises(Refused, match=r"pg_dump could not read the schema: .* does not exist"):
        text_of(with_database(production, "no_such_database"))


def test_what_hangs_on_the_name_is_carried_over_and_compares_equal(
    production: SecretStr, production_server: EmbeddedServer
) -> None:
    name = production.get_secret_value().rpartition("/")[2]
    execute(production, SETTINGS.format(name))
    other = production_server.create_database('other "x" :database')
    try:
        with connect(production, purpose="test") as ours, connect(other, purpose="test") as theirs:
            statements = settings_of(ours)
            assert settings_of(theirs) != statements
            apply_settings(ours, 'other "x" :database', statements)
            apply_settings(ours, 'other "x" :database', statements)
            assert settings_of(theirs) == statements
            query = (
                "select s.setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase"
                " where d.datname = %s order by s.setrole"
            )
            found = [[row[0] for row in ours.execute(query, (each,))] for each in (name, 'other "x" :database')]
            assert found[0] == found[1]
            assert len(found[0]) == 2
        assert len(statements) == 12
    finally:
        production_server.drop_database('other "x" :database')
        production_server.drop_database(name)
        execute(production_server.url(), "drop role set_owner, set_reader")
