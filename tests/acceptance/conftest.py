"""A project on real servers for every acceptance test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.clients.programs import Programs
from tests.acceptance.project import Project


@pytest.fixture
def project(tmp_path: Path, production: SecretStr, staging: SecretStr, scratch_programs: Programs) -> Iterator[Project]:
    """Production and staging are empty; the store is a directory."""
    yield Project(
        home=tmp_path,
        production=production,
        staging=staging,
        pg_bin=scratch_programs.directory,
        store=(tmp_path / "store").as_uri(),
    )
