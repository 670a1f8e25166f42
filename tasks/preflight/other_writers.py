"""Nobody else is migrating or dumping production at this moment: Drizzle's own tools take no lock that would say so."""

from typing import Any

from tasks.gate.wording import duration, listing
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.preflight.question import Question

# AccessShareLock is what reading takes; anything above it is on the way to write.
LEDGER = """
select distinct l.pid, coalesce(a.usename, '?'), coalesce(a.application_name, ''),
       extract(epoch from clock_timestamp() - a.xact_start)::float8
  from pg_locks l
  join pg_class c on c.oid = l.relation
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'relation' and n.nspname = %s and c.relname = %s
   and l.database = (select oid from pg_database where datname = current_database())
   and l.mode <> 'AccessShareLock' and l.pid <> pg_backend_pid()
 order by 1
"""
NAMED = """
select pid, coalesce(usename, '?'), application_name,
       extract(epoch from clock_timestamp() - coalesce(xact_start, backend_start))::float8
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
   and (application_name ilike '%drizzle%' or application_name in ('pg_dump', 'pg_dumpall', 'pg_restore'))
 order by 1
"""


def ask(question: Question) -> Answer:
    """Whoever holds a lock on the ledger refuses; sessions that call themselves Drizzle or pg_dump are named."""
    production = question.production()
    table = f"{question.plan.ledger_schema}.{question.plan.ledger_table}"
    writers = production.execute(LEDGER, [question.plan.ledger_schema, question.plan.ledger_table]).fetchall()
    if writers:
        return failed(
            f"somebody is writing {table} now: {_line(writers[0])}",
            [_line(row) for row in writers],
            hint="another migration is running: let it end, then plan again",
        )
    named = [_line(row) for row in production.execute(NAMED)]
    if named:
        return warned(
            f"at work on production: {listing(named, limit=2)}",
            named,
            hint="a dump holds locks on every table until it ends, and the migration would wait for it",
        )
    return passed(f"nobody else writes {table} or dumps the database")


def _line(row: tuple[Any, ...]) -> str:
    pid, user, application, age = row
    named = f" ({application})" if application else ""
    return f"process {pid} of {user}{named}" + (f" for {duration(age)}" if age is not None else "")


CHECK = Check("other-writers", "Nobody else migrates or dumps production", ask)
