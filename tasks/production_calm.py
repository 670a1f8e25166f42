"""What goes on in production that a release should not begin beside: looked at, never ended."""

from typing import Any

from config.policy import Conditions
from tasks.clients.postgres import Connection
from tasks.gate.wording import count, duration

# A vacuum that can give way is no reason to wait; the one against wraparound has a question of its own.
LONG = """
select pid, coalesce(usename, backend_type), application_name,
       extract(epoch from clock_timestamp() - xact_start)::float8
  from pg_catalog.pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
   and xact_start < clock_timestamp() - make_interval(secs => %s)
 order by xact_start
"""
DUMPS = """
select pid, coalesce(usename, backend_type), application_name,
       extract(epoch from clock_timestamp() - backend_start)::float8
  from pg_catalog.pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and application_name in ('pg_dump', 'pg_dumpall')
 order by backend_start
"""
WRAPAROUND = """
select pid, query, '', extract(epoch from clock_timestamp() - xact_start)::float8
  from pg_catalog.pg_stat_activity
 where datname = current_database() and backend_type = 'autovacuum worker' and query like '%(to prevent wraparound)'
"""
# replay_lag is as old as the replica's last reply, which may be 10 s ago while nothing is written, and it stays for as
# long after the replica has caught up. The replica's own clock says when it replied, so it is believed for no more.
LAG = """
select coalesce(application_name, client_addr::text, pid::text), late
  from pg_catalog.pg_stat_replication,
       lateral (select extract(epoch from coalesce(replay_lag, '0') + least(
           greatest(clock_timestamp() - reply_time, '0'), '10 s'))::float8 as late) as measured
 where replay_lsn < case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end
   and late > %s
 order by late desc
"""
HIDDEN = """
select count(*) from pg_catalog.pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and query = '<insufficient privilege>'
"""
HIDDEN_REPLICAS = "select count(*) from pg_catalog.pg_stat_replication where state is null"


def wanted(conditions: Conditions) -> bool:
    """True when the policy names any condition."""
    return any(conditions.model_dump().values())


def unrest(connection: Connection, conditions: Conditions) -> tuple[str, ...]:
    """What a release has to wait for, in words; empty when production is as calm as the policy wants it.

    What cannot be seen counts as there: a condition that nobody can look at is not met.

    Args:
        connection: to production, read-only.
        conditions: `[conditions]` of gate.toml.
    """
    found: list[str] = []
    if (limit := conditions.long_transaction_seconds) is not None:
        found += [f"{_session(row)} has a transaction open" for row in connection.execute(LONG, [limit])]
    if conditions.other_dump:
        found += [f"{_session(row)} dumps this database" for row in connection.execute(DUMPS)]
    if conditions.wraparound_vacuum:
        found += [f"{row[1]}, for {duration(row[3])}" for row in connection.execute(WRAPAROUND)]
    if (lag := conditions.replica_lag_seconds) is not None:
        found += [f"replica {name} is {duration(late)} behind" for name, late in connection.execute(LAG, [lag])]
    return (*found, *unseen(connection, conditions))


def unseen(connection: Connection, conditions: Conditions) -> tuple[str, ...]:
    """What a condition asks about and this role may not look into, with the GRANT that is missing."""
    sessions = any([conditions.long_transaction_seconds, conditions.other_dump, conditions.wraparound_vacuum])
    hidden = [
        *([(HIDDEN, "session")] if sessions else []),
        *([(HIDDEN_REPLICAS, "replica")] if conditions.replica_lag_seconds is not None else []),
    ]
    grant = f"GRANT pg_monitor TO {connection.info.user}"
    numbers = [((connection.execute(query).fetchone() or (0,))[0], noun) for query, noun in hidden]
    return tuple(f"{count(number, noun)} cannot be looked into ({grant})" for number, noun in numbers if number)


def _session(row: tuple[Any, ...]) -> str:
    pid, user, application, age = row
    return f"process {pid} of {user}{f' ({application})' if application else ''}, for {duration(age)},"
