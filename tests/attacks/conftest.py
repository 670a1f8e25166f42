"""A project on real servers for every acceptance test."""

from pathlib import Path

import pytest
from pydantic import SecretStr

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
