"""What a commit status says of a release, and when one that its CI job left behind is to be ended by somebody else."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tasks.gate.model import Model
from tasks.gate.story import Story
from tasks.gate.wording import parse_moment

PENDING = "pending"
STATES = {0: "success", 6: "error"}
GRACE = timedelta(seconds=60)  # a job that follows sees the end within seconds, and says it itself
RECENT = timedelta(days=1)


class CommitStatus(Model):
    """One status of a commit."""

    state: str  # "pending", "success", "failure" or "error"
    context: str
    url: str = ""
    created_at: str = ""


def context_of(target: str) -> str:
    """The name under which a target's status stands beside a commit."""
    return f"gate/{target}"


def state_of(exit_code: int) -> str:
    """The final state that an exit code stands for."""
    return STATES.get(exit_code, "failure")


def ended_lately(story: Story, now: datetime) -> bool:
    """True for a release that has ended, long enough ago for its job to have said so and not too long."""
    ended = parse_moment(story.ended_at)
    return ended is not None and GRACE <= now - ended <= RECENT


def left_behind(found: Iterable[CommitStatus], target: str, story: Story) -> CommitStatus | None:
    """The status that still says "pending" though the release it speaks of has ended; None when there is none.

    One that was set after the end belongs to a later release of the same commit, and one that never was is not wanted.

    Args:
        found: the commit's statuses, newest first.
        target: whose status is looked for.
        story: the newest release of the commit.
    """
    newest = next((status for status in found if status.context == context_of(target)), None)
    if newest is None or newest.state != PENDING:
        return None
    created, ended = parse_moment(newest.created_at), parse_moment(story.ended_at)
    return newest if created is not None and ended is not None and created <= ended else None
