"""Gives a database of the tests the roles of deploy/roles.sql, by psql, as whoever installs Gate does."""

import subprocess
from pathlib import Path

from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import parameters
from tasks.clients.child import connection_environment
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import embedded_programs
from tests.servers.postgres import changed

ROLES = Path(__file__).parents[2] / "deploy" / "roles.sql"
PASSWORD = "c4nary-pa55word"


def owned_database(server: EmbeddedServer, url: SecretStr, owner: str) -> SecretStr:
    """Give a database to a role that may log in and nothing else; returns its URL as that role."""
    database = parameters(url)["dbname"]
    role = sql.Identifier(owner)
    with postgres.connect(server.url(), purpose="test") as connection:
        connection.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(PASSWORD)))
        connection.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(database), role))
    with postgres.connect(url, purpose="test") as connection:
        connection.execute(sql.SQL("alter schema public owner to {}").format(role))
    return changed(url, user=owner, password=PASSWORD)


def give_roles(server: EmbeddedServer, url: SecretStr, owner: str, login: str) -> SecretStr:
    """Run deploy/roles.sql twice; returns the URL of its login."""
    variables = {"database": parameters(url)["dbname"], "owner": owner, "login": login, "ON_ERROR_STOP": "1"}
    given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    psql = embedded_programs().directory / "psql"
    with connection_environment(server.url()) as environment:
        for _ in range(2):
            subprocess.run([psql, "-X", "-q", *given, "-f", ROLES], env=environment, check=True)
    set_password(server, login)
    return changed(url, user=login, password=PASSWORD)


def login_in(server: EmbeddedServer, url: SecretStr, group: str, login: str) -> SecretStr:
    """A login of its own in one of the groups; returns its URL."""
    with postgres.connect(server.url(), purpose="test") as connection:
        create = sql.SQL("create role {} login in role {}")
        connection.execute(create.format(sql.Identifier(login), sql.Identifier(group)))
    set_password(server, login)
    return changed(url, user=login, password=PASSWORD)


def set_password(server: EmbeddedServer, login: str) -> None:
    """What `\\password` does."""
    with postgres.connect(server.url(), purpose="test") as connection:
        alter = sql.SQL("alter role {} password {}")
        connection.execute(alter.format(sql.Identifier(login), sql.Literal(PASSWORD)))
