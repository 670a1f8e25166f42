"""The project of the acceptance tests, for whole releases with another tool."""

import pytest
from psycopg import sql

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.conftest import project

__all__ = ["project"]


@pytest.fixture(scope="session", autouse=True)
def _hashed_as_ever(production_server: EmbeddedServer, staging_server: EmbeddedServer) -> None:
    """Go's driver refuses a password that was hashed fewer than 4,096 times, as the other tests have it."""
    for server in (production_server, staging_server):
        with postgres.connect(server.url(), purpose="test") as connection:
            password = sql.Literal(server.cluster.password.get_secret_value())
            connection.execute(
                sql.SQL("set scram_iterations = 4096; alter role current_user password {}").format(password)
            )
