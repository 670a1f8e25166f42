"""A project on real servers for every acceptance test."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.demo.prefect_server import PrefectServer
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import Programs
from tests.acceptance.project import Project


@pytest.fixture
def project(tmp_path: Path, production: SecretStr, staging: SecretStr, scratch_programs: Programs) -> Project:
    """Production and staging are empty; the store is a directory."""
    return Project(
        home=tmp_path,
        production=production,
        staging=staging,
        pg_bin=scratch_programs.directory,
        store=(tmp_path / "store").as_uri(),
    )


@pytest.fixture(scope="session")
def prefect(production_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """One Prefect server for all the tests that ask for one, with its rows in PostgreSQL."""
    url = production_server.create_database(f"prefect_{uuid.uuid4().hex[:8]}").get_secret_value().split("?")[0]
    server = PrefectServer(tmp_path_factory.mktemp("prefect"), re.sub(r"^postgresql://", "postgresql+asyncpg://", url))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A Prefect server costs more than most tests that ask it: one process gets them all."""
    for item in items:
        if isinstance(item, pytest.Function) and "prefect" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("prefect"))
