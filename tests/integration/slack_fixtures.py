"""A workspace and an endpoint for every test of the Slack door that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.web import guards, slack_messages
from tests.integration.slack_stage import Stage, stage
from tests.servers.slack import Workspace, workspace


@pytest.fixture
def slack() -> Iterator[Workspace]:
    """Nobody is in it yet, and nothing was said."""
    with workspace() as found:
        yield found


@pytest.fixture
def here(slack: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """An endpoint that looks at the record often, and lets one person press as often as a test wants."""
    monkeypatch.setattr(slack_messages, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(guards, "PRESSES", 10_000)
    with stage(slack, tmp_path) as found:
        yield found
