"""Real servers for every test that asks for one: one pair of clusters for each worker, one database for each test."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import cleanse_environment
from tasks.clients.programs import Programs, embedded_programs
from tests.servers.left_out import leave_out
from tests.servers.memory import temporary_folder_in_memory
from tests.servers.postgres import FAST, fresh_database
from tests.servers.seaweed import directory_store, s3_server, s3_store, s3_url, store

__all__ = ["directory_store", "s3_server", "s3_store", "s3_url", "store"]  # fixtures of the object stores


def pytest_configure(config: pytest.Config) -> None:
    """What the shell that runs the tests has exported must decide nothing."""
    stack = ExitStack()
    stack.enter_context(temporary_folder_in_memory())  # workers inherit it from the process that starts them
    config.add_cleanup(stack.close)
    cleanse_environment()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background job every child would ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith(("GATE_", "PREFECT_"))]:
        del os.environ[name]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes has make targets of its own."""
    leave_out(config, items)


@pytest.fixture(scope="session")
def production_server() -> Iterator[EmbeddedServer]:
    """The cluster that stands for production."""
    with EmbeddedServer(settings=FAST, iterations=1) as server:
        yield server


@pytest.fixture(scope="session")
def staging_server() -> Iterator[EmbeddedServer]:
    """Another cluster, with another system identifier."""
    with EmbeddedServer(settings=FAST, iterations=1) as server:
        yield server


@pytest.fixture
def production(production_server: EmbeddedServer) -> Iterator[SecretStr]:
    """An empty production database."""
    with fresh_database(production_server, "shop") as url:
        yield url


@pytest.fixture
def staging(staging_server: EmbeddedServer) -> Iterator[SecretStr]:
    """An empty staging database."""
    with fresh_database(staging_server, "shop_staging") as url:
        yield url


@pytest.fixture(scope="session")
def scratch_programs() -> Programs:
    """The programs of production's major version, with which a scratch cluster is made."""
    return embedded_programs()


@pytest.fixture
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder that no other test sees, reachable for every account; must be left empty."""
    folder = Path(tempfile.mkdtemp(prefix="gate-test-"))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    left = sorted(path.name for path in folder.iterdir())
    shutil.rmtree(folder)
    assert left == []
