"""Two real PostgreSQL clusters, production and staging, and a fresh database of each for every test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from tasks.clients.embedded import EmbeddedServer

# Durability is not what the tests are about; the crash tests kill processes, not the machine.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
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
