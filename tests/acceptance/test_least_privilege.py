"""A whole release, and a restore, under a role that is no superuser and owns nothing but its database."""

import itertools

import pytest
from psycopg import sql

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import ADD_NOTE, Project
from tests.servers.postgres import changed

PASSWORD = "c4nary-pa55word"
_numbers = itertools.count(1)


@pytest.fixture
def deployed(project: Project, production_server: EmbeddedServer) -> Project:
    """Production belongs to a role that may create databases and is not a superuser; the server dies with the tests."""
    name = project.production.get_secret_value().rsplit("/", 1)[1].split("?")[0]
    role = sql.Identifier(deployer := f"deployer_{next(_numbers)}")
    with postgres.connect(production_server.url(), purpose="test") as connection:
        connection.execute(sql.SQL("create role {} login createdb password {}").format(role, sql.Literal(PASSWORD)))
        connection.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(name), role))
        connection.execute(sql.SQL("grant pg_read_all_stats, pg_signal_backend to {}").format(role))
    with postgres.connect(project.production, purpose="test") as connection:
        connection.execute(sql.SQL("alter schema public owner to {}").format(role))
    project.production = changed(project.production, user=deployer, password=PASSWORD)
    return project


def test_a_role_that_owns_its_database_can_release_and_no_secret_shows_anywhere(deployed: Project):
    deployed.ready()
    ended = deployed.gate("run", "--yes")
    assert ended.code == 0, ended.all
    release = ended.out.split("gate report ")[1].split()[0]
    shown = [ended.all, *(deployed.gate("report", release, form).all for form in ("--html", "--markdown", "--json"))]
    assert not [text for text in shown if PASSWORD in text]
    files = [p for p in deployed.home.rglob("*") if p.is_file()]
    assert [p.name for p in files if PASSWORD.encode() in p.read_bytes()] == []


def test_and_can_bring_production_back_from_its_backup(deployed: Project):
    deployed.begin()
    deployed.add("note", ADD_NOTE)
    deployed.migrate(deployed.staging)
    before = deployed.contents()
    folder = deployed.home / "invariants"
    folder.mkdir()
    (folder / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    deployed.policy += f'invariants = "{folder}"\n'
    ended = deployed.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert deployed.contents() == before
