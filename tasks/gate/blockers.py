"""Which sessions that stand in the way of a migration may be ended: the policy decides, and never for a young one."""

from collections.abc import Sequence
from typing import NamedTuple

from config.policy import Apply

IDLE = ("idle in transaction", "idle in transaction (aborted)")


class Blocker(NamedTuple):
    """A session that somebody waits for."""

    pid: int  # 0 for a prepared transaction, which is no session
    since: int | None  # when its backend began, in µs since 1970: a pid alone may be another one's a moment later
    state: str
    age_seconds: float  # of its transaction
    client: bool  # a client's, not autovacuum's or another worker of the server's own
    words: str


def states_to_end(limits: Apply) -> tuple[str, ...]:
    """The states in which the policy lets a session be ended."""
    return {"never": (), "idle-in-transaction": IDLE, "all": (*IDLE, "active", "idle", "fastpath function call")}[
        limits.end_blockers
    ]


def worth_ending(blockers: Sequence[Blocker], limits: Apply) -> tuple[Blocker, ...]:
    """Those of them that the policy lets the gate end."""
    states = states_to_end(limits)
    return tuple(
        blocker
        for blocker in blockers
        if blocker.pid
        and blocker.since is not None
        and blocker.client
        and blocker.state in states
        and blocker.age_seconds >= limits.end_blockers_after_seconds
    )
