"""Two real PostgreSQL clusters, production and staging, and a fresh database of each for every test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.embedded import EmbeddedServer

# The crash tests kill processes, not the machine: what was written is enough, it need not be on the disk.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    "timezone": "UTC",
}
_numbers = itertools.count(1)


@contextmanager
def fresh_database(server: EmbeddedServer, name: str) -> Iterator[SecretStr]:
    """An empty database, dropped at the end whoever is connected."""
    unique = f"{name}_{os.getpid()}_{next(_numbers)}"
    url = server.create_database(unique)
    try:
        yield url
    finally:
        server.drop_database(unique)


def changed(url: SecretStr, **parts: str) -> SecretStr:
    """The same address with other parts."""
    return make_url({**parameters(url), **parts})


@contextmanager
def login_role(server: EmbeddedServer, name: str, *, login: bool = True) -> Iterator[str]:
    """A role of the server, and its password; dropped at the end."""
    password = "small"
    with postgres.connect(server.url(), purpose="test") as connection:
        kind = sql.SQL("LOGIN" if login else "NOLOGIN")
        create = sql.SQL("create role {} {} password {}")
        connection.execute(create.format(sql.Identifier(name), kind, sql.Literal(password)))
        try:
            yield password
        finally:
            connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))
