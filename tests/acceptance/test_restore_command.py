"""`gate restore`, the command of the person on call."""

import psycopg
from psycopg import sql

from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import Project


def test_a_production_database_that_was_dropped_is_restored_under_its_name(
    project: Project, production_server: EmbeddedServer
):
    project.begin()
    before = project.contents()
    backup = project.gate("backup", "--json").document["id"]
    name = project.production.get_secret_value().rsplit("/", 1)[1].split("?")[0]
    with psycopg.connect(production_server.url().get_secret_value(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))
    ended = project.gate("restore", backup, "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "restored"), ended.all
    assert project.contents() == before


def test_nothing_is_restored_until_the_name_of_the_target_is_typed(project: Project):
    project.begin()
    backup = project.gate("backup", "--json").document["id"]
    project.sql(project.production, "delete from orders")
    ended = project.gate("restore", backup)
    assert ended.code == 4
    assert "nothing was restored" in ended.err
    assert project.sql(project.production, "select count(*) from orders") == [(0,)]
