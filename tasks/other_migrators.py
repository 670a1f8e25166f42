"""Lets others who may be migrating end first, once the ledger is locked: whoever asks it from now on waits for us."""

import time

from psycopg import sql

from tasks.gate.plan import Plan
from tasks.lock_watch import LockWatch

LOOK_EVERY_S = 0.05


def wait_for_others(watch: LockWatch, plan: Plan, limit_s: float) -> tuple[str, ...]:
    """Wait until everybody who asked the ledger before us is done; returns who is not, in words.

    Who asked before us and is at work holds a transaction id, or has only said BEGIN, or not even that. Short ones end
    by themselves; a long one that looks like a migration is not raced. A transaction that is only a writer of the
    application's is waited for as long, and then left alone.

    Args:
        watch: the second session: within a transaction one session sees one picture of the others.
        plan: whose ledger is locked.
        limit_s: how long to wait, in seconds.
    """
    ledger, table = sql.Identifier(plan.ledger_schema, plan.ledger_table).as_string(None), plan.ledger_table
    texts = [statement for migration in plan.pending for statement in migration.statements]
    deadline = time.monotonic() + limit_s
    readers = watch.migrating(table, texts)
    begun = watch.just_begun()
    writing = {w.transaction: w for w in watch.writers(ledger, texts)}
    while True:
        readers = sorted({*readers, *watch.migrating(table, texts)})  # who had only begun shows now what it is
        at_work = watch.still_at_work(table, readers)
        now = {w.transaction: w for w in watch.writers(ledger, texts)}
        begun &= watch.just_begun()
        writing = {xid: w for xid, w in now.items() if xid in writing or w.suspect}
        if not (writing or at_work or begun) or time.monotonic() >= deadline:
            break
        time.sleep(LOOK_EVERY_S)
    return (*at_work.values(), *(w.words for w in writing.values() if w.suspect and w.pid not in at_work))
