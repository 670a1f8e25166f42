"""No way through the Slack door without being allowed: after each try the record holds no yes; an honest one counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.web import slack_messages
from tests.integration.slack_attacks import ATTACKS, Attack, Target
from tests.integration.slack_stage import Stage, stage, wait_until
from tests.servers.slack import Workspace, workspace

pytestmark = pytest.mark.xdist_group("slack-attacks")  # they share one release that waits


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


@pytest.fixture(scope="module")
def besieged(slack: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Target]]:
    """One release that waits while everything is tried, after another one that has ended."""
    with pytest.MonkeyPatch.context() as patched, stage(slack, tmp_path_factory.mktemp("store")) as here:
        patched.setattr(slack_messages, "POLL_SECONDS", 0.1)
        patched.setattr("flows.web.guards.PRESSES", 10_000)
        earlier = here.ask()
        ended = here.message().buttons["gate_approve"]["value"]
        here.end(earlier, "refused", "it was refused")
        here.ask()
        wait_until(lambda: len(slack.top()) == 2, "the second message")
        yield here, Target(slack, here.address, here.message(), here.release, other_button=ended)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_no_attack_gets_a_yes(besieged: tuple[Stage, Target], attack: Attack):
    here, target = besieged
    answer = attack.act(target)
    assert answer.status_code in attack.statuses, answer.text
    assert here.decisions() == []
    assert target.message.buttons


def test_the_honest_press_that_every_attack_was_made_from_does_count(slack: Workspace, tmp_path: Path):
    with stage(slack, tmp_path) as here:
        here.ask()
        wait_until(lambda: "filed" in here.notes(), "the message")
        target = Target(slack, here.address, slack.top()[-1], here.release)
        assert target.press().status_code == 200
        assert [d.kind for d in here.decisions()] == ["approved"]
