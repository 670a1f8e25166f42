"""Gate and dbmate on the same folders: the same schema, the same ledger, and each goes on where the other stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_text
from tasks.gate.errors import GateError, Refused
from tasks.tool import DBMATE, DRIZZLE, tool_of
from tests.acceptance.project import Project
from tests.dbmate.real import Dbmate
from tests.equality.node import NoNode
from tests.servers.postgres import fresh_database

LEDGER = ("public", "schema_migrations")
INIT = "create table orders (id serial primary key, total int not null);\ncreate index on orders (total);"
NOTE = "alter table orders add column note text;"
FOLDERS = {
    "two tables": {"20250101000000_init": (INIT, "drop table orders;"), "20250102000000_note": (NOTE, "")},
    "versions that sort as text": {"10_init": (INIT, ""), "9_note": (NOTE, ""), "91_more": ("select 1;", "")},
    "a comment first, CRLF, no space": {"1_init": ("\r\n" + INIT.replace("\n", "\r\n"), "drop table orders;\r\n")},
    "an empty section": {"1_init": (INIT, ""), "2_nothing": ("", "")},
    "functions": {
        "1_f": ("create function f() returns int language plpgsql as $$ begin return 1; end $$;", "drop function f();")
    },
    "enum values": {
        "1_e": ("create type e as enum ('a');", ""),
        "2_v": ("create table t (x e);\ninsert into t values ('a');", ""),
    },
}
REFUSED = {
    "no up": "create table x (id int);\n-- migrate:down\n",
    "no down": "-- migrate:up\ncreate table x (id int);\n",
    "statements first": "select 1;\n-- migrate:up\ncreate table x (id int);\n-- migrate:down\n",
    "block comment first": "/* why */\n-- migrate:up\ncreate table x (id int);\n-- migrate:down\n",
    "down first": "-- migrate:down\ndrop table x;\n-- migrate:up\ncreate table x (id int);\n",
    "twice up": "-- migrate:up\nselect 1;\n-- migrate:up\nselect 2;\n-- migrate:down\n-- migrate:down\n",
    "marker in a literal": "-- migrate:up\nselect '\n-- migrate:down\n';\n-- migrate:down\n",
    "indented": "  -- migrate:up\ncreate table x (id int);\n-- migrate:down\n",
    "upper case": "-- MIGRATE:UP\ncreate table x (id int);\n-- MIGRATE:DOWN\n",
    "byte order mark": "\ufeff-- migrate:up\ncreate table x (id int);\n-- migrate:down\n",
}


@pytest.fixture
def dbmate(tmp_path: Path) -> Dbmate:
    (tmp_path / "m").mkdir()
    try:
        return Dbmate(tmp_path / "m")
    except NoNode as missing:
        pytest.skip(str(missing))


@contextmanager
def two(server: EmbeddedServer) -> Iterator[tuple[SecretStr, SecretStr]]:
    with fresh_database(server, "theirs") as theirs, fresh_database(server, "ours") as ours:
        yield theirs, ours


def write(folder: Path, migrations: dict[str, tuple[str, str]]) -> None:
    for name, (up, down) in migrations.items():
        text = f"-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n"
        (folder / f"{name}.sql").write_bytes(text.encode())


def migrate(folder: Path, url: SecretStr) -> list[str]:
    """As Gate does it; returns what was pending."""
    found = DBMATE.read_folder(folder)
    with postgres.connect(url, purpose="tests") as connection:
        _, pending, problems = DBMATE.states(found, DBMATE.read_ledger(connection, *LEDGER), 0)
        if problems:
            raise Refused(problems[0].cause)
        DBMATE.apply(connection, generation=1, schema=LEDGER[0], table=LEDGER[1], pending=pending)
    return [m.file for m in pending]


def seen(url: SecretStr, programs: Programs) -> tuple[str, list[str]]:
    with postgres.connect(url, purpose="tests") as connection:
        rows = connection.execute("select version from public.schema_migrations order by 1").fetchall()
    return schema_text(url, programs), [version for (version,) in rows]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_same_folder_leads_to_the_same_schema_and_ledger(
    production_server: EmbeddedServer, scratch_programs: Programs, dbmate: Dbmate, name: str
):
    write(dbmate.folder, FOLDERS[name])
    with two(production_server) as (theirs, ours):
        assert dbmate.run(theirs, "migrate").code == 0
        migrate(dbmate.folder, ours)
        assert seen(ours, scratch_programs) == seen(theirs, scratch_programs)
        assert dbmate.pending(ours) == []
        assert migrate(dbmate.folder, theirs) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_dbmate_does_not_take_is_refused_while_it_is_pending(
    production_server: EmbeddedServer, dbmate: Dbmate, name: str
):
    (dbmate.folder / "1_x.sql").write_text(REFUSED[name])
    with two(production_server) as (theirs, ours):
        assert dbmate.run(theirs, "migrate").code != 0
        with pytest.raises(Refused, match=r"1_x\.sql .* and dbmate would not take it"):
            migrate(dbmate.folder, ours)


def test_each_goes_on_where_the_other_stopped_also_with_a_late_one(
    production_server: EmbeddedServer, scratch_programs: Programs, dbmate: Dbmate
):
    with two(production_server) as (theirs, ours):
        write(dbmate.folder, {"20250101000000_init": (INIT, "drop table orders;")})
        assert dbmate.run(theirs, "migrate").code == 0
        assert migrate(dbmate.folder, ours) == ["20250101000000_init.sql"]
        write(dbmate.folder, {"20250102000000_note": (NOTE, "alter table orders drop column note;")})
        assert migrate(dbmate.folder, theirs) == ["20250102000000_note.sql"]
        assert dbmate.run(ours, "migrate").code == 0
        write(dbmate.folder, {"20241231000000_late": ("create table late (id int);", "drop table late;")})
        assert migrate(dbmate.folder, ours) == ["20241231000000_late.sql"]
        assert dbmate.run(theirs, "migrate").code == 0
        assert seen(ours, scratch_programs) == seen(theirs, scratch_programs)
        assert dbmate.run(ours, "rollback").code == 0
        assert migrate(dbmate.folder, ours) == ["20250102000000_note.sql"]


def test_a_version_without_a_file_a_second_file_of_a_version_and_another_tools_table_are_refused(
    production_server: EmbeddedServer, dbmate: Dbmate
):
    write(dbmate.folder, {"1_init": (INIT, "")})
    with fresh_database(production_server, "ours") as ours:
        migrate(dbmate.folder, ours)
        with postgres.connect(ours, purpose="tests") as connection:
            connection.execute("insert into schema_migrations values ('7')")
            with pytest.raises(Refused, match=r"version 7 of public\.schema_migrations belongs to no file"):
                migrate(dbmate.folder, ours)
            connection.execute("alter table schema_migrations add column dirty boolean")
            with pytest.raises(Refused, match="is golang-migrate's table"):
                migrate(dbmate.folder, ours)
    write(dbmate.folder, {"1_again": ("select 1;", "")})
    with pytest.raises(Refused, match=r"two files of version 1: 1_again and 1_init\.sql|two files of version 1"):
        DBMATE.read_folder(dbmate.folder)


@pytest.fixture
def plain(project: Project, dbmate: Dbmate) -> Project:
    """A project of plain SQL, in staging whole and in production up to its first migration."""
    project.extra["GATE_MIGRATIONS"] = str(dbmate.folder)
    write(dbmate.folder, {"20250101000000_init": (INIT, "drop table orders;")})
    assert dbmate.run(project.production, "migrate").code == 0
    project.sql(project.production, "insert into orders (total) select n from generate_series(1, 100) n")
    write(dbmate.folder, {"20250102000000_note": (NOTE, "alter table orders drop column note;")})
    assert dbmate.run(project.staging, "migrate").code == 0
    return project


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_whole_release_and_its_rollback_run_without_any_word_of_drizzle(plain: Project, dbmate: Dbmate):
    alone = "-- migrate:up transaction:false\ncreate index concurrently by_note on orders (note);\n\n"
    text = f"{alone}-- migrate:down\ndrop index by_note;\n"
    (dbmate.folder / "20250103000000_index.sql").write_text(text)
    assert dbmate.run(plain.staging, "migrate").code == 0
    ended = plain.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "released"), ended.all
    assert "note" in plain.columns()
    assert dbmate.pending(plain.production) == []
    back = plain.gate("rollback", ended.document["id"], "--yes", "--json")
    assert (back.code, back.document["outcome"]) == (0, "rolled-back"), back.all
    assert "the migrations ran again after it" in back.err
    assert dbmate.pending(plain.production) == ["20250102000000_note.sql", "20250103000000_index.sql"]
    assert dbmate.run(plain.production, "migrate").code == 0
    assert "rizzle" not in ended.all + back.all


@pytest.mark.long("ROLLBACKS", "make rollbacks")
def test_a_failed_verification_is_undone_by_the_down_section(plain: Project, dbmate: Dbmate):
    invariants = plain.home / "invariants"
    invariants.mkdir()
    (invariants / "no_notes.sql").write_text("select 1 from pg_attribute where attname = 'note' and attnum > 0 limit 1")
    plain.policy += f'invariants = "{invariants}"\n'
    ended = plain.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert "taken back with the rehearsed rollback SQL" in ended.document["sentence"]
    assert dbmate.pending(plain.production) == ["20250102000000_note.sql"]


def test_the_tool_is_found_by_its_files_or_named(tmp_path: Path):
    from config.settings import Settings

    write(tmp_path, {"1_init": (INIT, "")})
    assert tool_of(Settings(migrations=tmp_path)) is DBMATE
    assert tool_of(Settings(migrations=tmp_path, tool="drizzle")) is DRIZZLE
    assert tool_of(Settings(migrations=tmp_path / "nowhere")) is DRIZZLE
    with pytest.raises(GateError, match="known are drizzle, dbmate"):
        tool_of(Settings(migrations=tmp_path, tool="flyway"))
