"""Other migrators that have read the ledger and not written yet: of them there is no lock and no transaction id.

Drizzle reads the ledger, says BEGIN and runs what it found pending, whatever happened in between (facts: Drizzle 6).
What the server shows of that moment is the text of a session's last statement.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.clients.postgres import Connection
from tasks.clients.sessions import HEAD, heads, session_words

FRESH_S = 2  # a session that has been idle for longer after its look at the ledger is no migrator: those go on at once

LOOKED = """
select a.pid
  from pg_catalog.pg_stat_activity a
 where a.datname = pg_catalog.current_database() and a.backend_type = 'client backend'
   and a.pid <> all(%(ours)s) and a.application_name !~ '^gate '
   and (a.state in ('idle', 'idle in transaction')
        and a.state_change > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(fresh)s)
        and pg_catalog.strpos(a.query, %(table)s) > 0
        -- or it runs what we are about to run: a statement may take long before it writes its first row
        or a.state <> 'idle' and pg_catalog.left(a.query, %(head)s) = any(%(heads)s))
"""
BEGUN = r"""
select a.pid, a.xact_start::text
  from pg_catalog.pg_stat_activity a
 where a.datname = pg_catalog.current_database() and a.backend_type = 'client backend'
   and a.pid <> all(%(ours)s) and a.application_name !~ '^gate '
   and a.state = 'idle in transaction' and a.backend_xid is null and a.query ~* '^\s*(begin|start\s+transaction)\M'
   and a.state_change > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(fresh)s)
"""
AT_WORK = """
select a.pid, a.application_name, a.usename::text, a.state,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change))::float8, a.query
  from pg_catalog.pg_stat_activity a
 where a.pid = any(%(pids)s)
   -- who waits for the ledger asks it anew, and will see what we did
   and not (a.wait_event_type is not distinct from 'Lock' and pg_catalog.strpos(a.query, %(table)s) > 0)
   and (a.state <> 'idle'
        or pg_catalog.strpos(a.query, %(table)s) > 0
           and a.state_change > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(fresh)s))
"""


class Begun(NamedTuple):
    """A transaction that has only begun."""

    pid: int
    since: str


def migrating(connection: Connection, table: str, texts: Sequence[str], ours: list[int]) -> list[int]:
    """Pids of sessions that asked the ledger a moment ago and do not wait for it, or that run one of the statements.

    Args:
        connection: not the one that migrates.
        table: the ledger's bare name.
        texts: of the statements that are to run.
        ours: pids to leave out.
    """
    asked = {"table": table, "ours": ours, "fresh": FRESH_S, "head": HEAD, "heads": heads(texts)}
    return [row[0] for row in connection.execute(LOOKED, asked)]


def just_begun(connection: Connection, ours: list[int]) -> set[Begun]:
    """Transactions that said BEGIN and nothing else yet: each goes on in a moment, and shows then what it is."""
    return {Begun(*row) for row in connection.execute(BEGUN, {"ours": ours, "fresh": FRESH_S})}


def still_at_work(connection: Connection, table: str, pids: list[int]) -> dict[int, str]:
    """Those of the sessions that are in the middle of something, in words."""
    rows = connection.execute(AT_WORK, {"pids": pids, "table": table, "fresh": FRESH_S})
    return {row[0]: session_words(*row) for row in rows}
