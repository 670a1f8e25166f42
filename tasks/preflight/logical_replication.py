"""Logical slots and subscriptions hang on the database itself: with one, a restored backup cannot be swapped in."""

from tasks.gate.wording import listing
from tasks.preflight.check import Answer, Check, passed, warned
from tasks.preflight.question import Surroundings

BOUND = """
select 'slot ' || slot_name from pg_replication_slots where database = current_database()
union all
select 'subscription ' || subname from pg_subscription
 where subdbid = (select oid from pg_database where datname = current_database())
order by 1
"""


def ask(around: Surroundings) -> Answer:
    """Name what would be lost or torn by renaming another database into production's place."""
    found = [row[0] for row in around.production().execute(BOUND)]
    if not found:
        return passed("no logical slot or subscription hangs on the database")
    return warned(
        f"a restore cannot be swapped in while these hang on the database: {listing(found)}",
        found,
        hint="after a failure only a rolled back transaction or rollback SQL would bring production back by itself",
    )


CHECK = Check("logical-replication", "A restored backup could be swapped in", ask)
