"""Ends sessions that stand in the way, where the policy says so: each is recorded, said, and hit by pid and start."""

from collections.abc import Sequence

import psycopg

from tasks.clients.postgres import Connection
from tasks.gate.blockers import Blocker, states_to_end, worth_ending
from tasks.kill_points import reached
from tasks.release import Release

# In one statement: a session that went on meanwhile, or whose pid is another one's by now, is left alone.
END = """
select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
 where pid = %s and (extract(epoch from backend_start) * 1000000)::int8 = %s and state = any(%s)
   and xact_start <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)
"""


def end_blockers(release: Release, connection: Connection, blockers: Sequence[Blocker]) -> bool:
    """End what the policy lets us end of those who were just waited for; True when one was ended.

    Safe to run twice: a session that is gone is no longer found.

    Args:
        release: whose record hears of each before it is ended.
        connection: to production, outside a transaction.
        blockers: as they were seen while the last attempt waited.
    """
    limits = release.policy.apply
    ended = False
    for blocker in worth_ending(blockers, limits):
        release.record.append(
            "noted", {"sentence": f"ending {blocker.words}, as [apply] end_blockers = {limits.end_blockers!r} allows"}
        )
        reached("apply:ending-blocker")
        release.say(_end(connection, blocker, states_to_end(limits), limits.end_blockers_after_seconds))
        ended = True
    return ended


def _end(connection: Connection, blocker: Blocker, states: tuple[str, ...], age: float) -> str:
    try:
        row = connection.execute(END, [blocker.pid, blocker.since, list(states), age]).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return f"not allowed to end {blocker.words}: GRANT pg_signal_backend TO {connection.info.user}"
    if row is None or not row[0]:
        return f"{blocker.words} went on by itself"
    return f"ended {blocker.words}"
