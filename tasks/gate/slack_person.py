"""Whether somebody in Slack is a full, living member of our workspace, by what Slack itself says of them now."""

from collections.abc import Mapping
from typing import Any

# These must be there and false: a plain member's answer always has them.
STATED = {"is_bot": "a bot", "is_restricted": "a guest", "is_ultra_restricted": "a guest of one channel"}
# These are only there for some: they refuse when they say yes.
TELLING = {
    "deleted": "deactivated",
    "is_stranger": "a member of another workspace",
    "is_workflow_bot": "a workflow",
    "is_connector_bot": "a connector",
    "is_invited_user": "only invited so far",
}


def stranger(user: Mapping[str, Any], *, user_id: str, team: str) -> str:
    """Why somebody may decide nothing, in words; empty when they are one of us.

    Args:
        user: the `user` of `users.info`.
        user_id: whom was asked about.
        team: the workspace that the message was posted in.
    """
    if user.get("id") != user_id:
        return "Slack answered for somebody else"
    for flag, words in STATED.items():
        if user.get(flag) is not False:
            return words if user.get(flag) is True else f"not fully described by Slack ({flag} is missing)"
    for flag, words in TELLING.items():
        if user.get(flag, False) is not False:
            return words
    if user.get("team_id") != team and team not in _teams(user):
        return "a member of another workspace"
    return ""


def _teams(user: Mapping[str, Any]) -> list[str]:
    """The workspaces of somebody in an Enterprise Grid."""
    grid = user.get("enterprise_user")
    teams = grid.get("teams") if isinstance(grid, Mapping) else None
    return [str(team) for team in teams] if isinstance(teams, list) else []
