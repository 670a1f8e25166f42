"""A real S3 server, started when the first test of a worker asks for one, and a bucket or a directory for each test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.clients.object_store import ObjectStore
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store

BUCKET = "gate-tests"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[SeaweedServer]:
    """SeaweedFS with one bucket; its endpoint, credentials and `environment`."""
    with SeaweedServer() as server:
        server.create_bucket(BUCKET)
        yield server


@pytest.fixture
def s3_url(s3_server: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty S3 store; its credentials are in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.url(BUCKET, f"test-{os.getpid()}-{next(_numbers)}")


@pytest.fixture
def s3_store(s3_url: str) -> ObjectStore:
    """An empty S3 store."""
    return open_store(s3_url)


@pytest.fixture
def directory_store(tmp_path: Path) -> ObjectStore:
    """An empty directory store."""
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture(params=["s3_store", "directory_store"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each implementation in turn: what is asserted of one holds for the other."""
    found: ObjectStore = request.getfixturevalue(request.param)
    return found
