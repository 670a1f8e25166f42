"""The project of the acceptance tests, for whole releases with another tool."""

from tests.acceptance.conftest import project

__all__ = ["project"]
