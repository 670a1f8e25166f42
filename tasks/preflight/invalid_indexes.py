"""No invalid index on production: a dump leaves it out, so no rehearsal would meet it, and a retry would hide it."""

from tasks.gate.wording import listing
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.preflight.question import Surroundings

INVALID = """
select format('%I.%I', n.nspname, c.relname),
       i.indrelid::regclass::text,
       c.relkind = 'I',
       exists (select from pg_locks l
                where l.relation = c.oid and l.granted and l.mode = 'ShareUpdateExclusiveLock')
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where not (i.indisvalid and i.indisready and i.indislive)
   and n.nspname !~ '^pg_'
 order by 1
"""


def ask(around: Surroundings) -> Answer:
    """Name each index that is not valid, ready and live; one over partitions may wait for its parts, and only warns."""
    rows = around.production().execute(INVALID).fetchall()
    if not rows:
        return passed("every index is valid")
    broken = [name for name, _table, over_partitions, _busy in rows if not over_partitions]
    lines = [
        f"{name} on {table}"
        + (" (waits for an index on each partition)" if over_partitions else " (being built now)" if busy else "")
        for name, table, over_partitions, busy in rows
    ]
    if not broken:
        return warned(f"not valid yet on every partition: {listing([r[0] for r in rows])}", lines)
    return failed(
        f"invalid on production: {listing(broken)}",
        lines,
        hint=f"REINDEX INDEX CONCURRENTLY {broken[0]}, or DROP INDEX CONCURRENTLY {broken[0]}",
    )


CHECK = Check("invalid-indexes", "No invalid index on production", ask)
