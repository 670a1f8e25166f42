"""No prepared transaction on production: it holds its locks for ever, through restarts, without any session."""

from tasks.gate.wording import count, duration
from tasks.preflight.check import Answer, Check, failed, passed
from tasks.preflight.question import Surroundings

PREPARED = """
select gid, owner, extract(epoch from clock_timestamp() - prepared)::float8
  from pg_prepared_xacts where database = current_database() order by prepared
"""


def ask(around: Surroundings) -> Answer:
    """Name each one with its owner and its age."""
    rows = around.production().execute(PREPARED).fetchall()
    if not rows:
        return passed("no prepared transaction")
    lines = [f"'{gid}' of {owner}, prepared {duration(age)} ago" for gid, owner, age in rows]
    return failed(
        f"{count(len(rows), 'prepared transaction')} on production: {lines[0]}",
        lines,
        hint=f"find out whose it is, then COMMIT PREPARED '{rows[0][0]}' or ROLLBACK PREPARED '{rows[0][0]}'",
    )


CHECK = Check("prepared-transactions", "No prepared transaction on production", ask)
