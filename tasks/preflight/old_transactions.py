"""Old transactions on production, named: a migration would wait behind their locks, and everybody behind it."""

from typing import Any

from tasks.gate.wording import count, duration
from tasks.preflight.check import Answer, Check, passed, warned
from tasks.preflight.question import Surroundings

# Autovacuum against wraparound is among them: unlike an ordinary one it does not give way.
OPEN = """
select pid, coalesce(usename, backend_type), application_name, state,
       extract(epoch from clock_timestamp() - xact_start)::float8, left(query, 40) like 'autovacuum%%'
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
   and xact_start < clock_timestamp() - make_interval(secs => %s)
 order by xact_start
"""
HIDDEN = """
select count(*) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and query = '<insufficient privilege>'
"""


def ask(around: Surroundings) -> Answer:
    """Name process, user, application and age of each, and say how many sessions cannot be seen."""
    production = around.production()
    limit = around.policy.checks.old_transaction_seconds
    lines = [_line(row) for row in production.execute(OPEN, [limit])]
    hidden = (production.execute(HIDDEN).fetchone() or (0,))[0]
    unseen = [f"{count(hidden, 'session')} of other users cannot be looked into"] if hidden else []
    see = f"GRANT pg_monitor TO {production.info.user}" if hidden else ""
    if lines:
        return warned(
            f"{count(len(lines), 'transaction')} older than {duration(limit)}: {lines[0]}",
            [*lines, *unseen],
            hint="let them end, or end one with: select pg_terminate_backend(PROCESS)",
        )
    if hidden:
        return warned(f"no old transaction among those that can be seen; {unseen[0]}", unseen, hint=see)
    return passed(f"no transaction is older than {duration(limit)}")


def _line(row: tuple[Any, ...]) -> str:
    pid, user, application, state, age, vacuum = row
    named = f" ({application})" if application else ""
    doing = "autovacuum" if vacuum else (state or "active")
    return f"process {pid} of {user}{named}, {doing}, open for {duration(age)}"


CHECK = Check("old-transactions", "No old transaction on production", ask)
