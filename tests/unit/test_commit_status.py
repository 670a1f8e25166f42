"""A status that still says "pending" is ended by another only when its own release has ended and its job is dead."""

from datetime import timedelta

import pytest

from tasks.gate.commit_status import CommitStatus, ended_lately, left_behind, state_of
from tasks.gate.story import Story
from tests.unit.sample_evidence import START

ENDED = Story(id="r", state="released", sentence="it is in production", ended_at=START.isoformat())


def status(state: str = "pending", *, minutes: float = -5, context: str = "gate/shop") -> CommitStatus:
    at = START + timedelta(minutes=minutes)
    return CommitStatus(state=state, context=context, created_at=f"{at:%Y-%m-%dT%H:%M:%SZ}")


def test_what_was_pending_when_the_release_ended_was_left_behind():
    left = status()
    assert left_behind([status(context="gate/other"), left, status("failure", minutes=-9)], "shop", ENDED) == left


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([], id="it was never set"),
        pytest.param([status("success"), status()], id="the job said it"),
        pytest.param([status(minutes=5)], id="a later release of the commit set it"),
        pytest.param([status(context="gate/other")], id="another target's"),
        pytest.param([CommitStatus(state="pending", context="gate/shop", created_at="?")], id="nobody knows when"),
    ],
)
def test_everything_else_stays_as_it_is(found: list[CommitStatus]):
    assert left_behind(found, "shop", ENDED) is None


def test_a_job_is_given_a_minute_and_old_releases_are_let_be():
    assert not ended_lately(ENDED, START + timedelta(seconds=30))
    assert ended_lately(ENDED, START + timedelta(minutes=2))
    assert not ended_lately(ENDED, START + timedelta(days=2))
    assert not ended_lately(ENDED.model_copy(update={"ended_at": ""}), START)


def test_the_states_are_those_of_the_job_itself():
    assert [state_of(code) for code in (0, 3, 5, 6)] == ["success", "failure", "failure", "error"]
