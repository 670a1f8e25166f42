"""Which relation locks a session holds, read from a second session: exact inside a transaction, without polling.

Inside a transaction locks only grow, so what is new since the last reading is what the statement between the two took,
however short the statement was. Not seen: locks that a rolled back subtransaction gave back (a DO block with an
exception handler).
"""

from typing import NamedTuple

from tasks.clients.postgres import Connection
from tasks.gate.rehearsal import strength

# The watcher's snapshot does not hold what the watched transaction created, so its own new relations drop out of the
# join: nobody else can wait for them. TOAST tables and their indexes count for the table that they belong to, other
# indexes are told apart by `owner`.
HELD = r"""
select format('%%I.%%I', n.nspname, c.relname),
       case when i.indexrelid is not null then format('%%I.%%I', tn.nspname, t.relname) end,
       l.mode
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_index ti on ti.indexrelid = l.relation
  left join pg_catalog.pg_class toast on toast.oid = coalesce(ti.indrelid, l.relation) and toast.relkind = 't'
  left join pg_catalog.pg_class main on main.reltoastrelid = toast.oid
  join pg_catalog.pg_class c on c.oid = coalesce(main.oid, l.relation)
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_class t on t.oid = i.indrelid
  left join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
 where l.locktype = 'relation'
   and l.granted
   and l.pid = %s
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'
"""


class HeldLock(NamedTuple):
    """One mode of one relation, as pg_locks names it."""

    relation: str  # quoted and schema-qualified
    mode: str  # AccessExclusiveLock, ...


class LockTrace:
    """Reads the locks of one backend; each reading says what came on top of the last."""

    def __init__(self, watcher: Connection, pid: int) -> None:
        """Watch a backend.

        Args:
            watcher: a session of its own in the same database, in autocommit mode.
            pid: the backend that is watched.
        """
        self._watcher = watcher
        self._pid = pid
        self._seen: frozenset[HeldLock] = frozenset()

    @property
    def held(self) -> frozenset[HeldLock]:
        """What the last reading saw."""
        return self._seen

    def taken(self) -> tuple[HeldLock, ...]:
        """Locks that were taken since the last reading, strongest first.

        Only the strongest mode per relation, and none that is weaker than what the session held on it already.
        """
        before = {lock.relation: strength(lock.mode) for lock in strongest(self._seen)}
        now = self._read()
        new = now - self._seen
        self._seen = now
        return tuple(lock for lock in strongest(new) if strength(lock.mode) > before.get(lock.relation, -1))

    def _read(self) -> frozenset[HeldLock]:
        rows = [(str(r), owner, str(m)) for r, owner, m in self._watcher.execute(HELD, [self._pid])]
        by_relation = {lock.relation: lock for lock in strongest(frozenset(HeldLock(r, m) for r, _, m in rows))}
        return frozenset(HeldLock(r, m) for r, owner, m in rows if _matters(m, by_relation.get(str(owner))))


def strongest(locks: frozenset[HeldLock]) -> tuple[HeldLock, ...]:
    """The strongest mode of each relation, strongest first, then by name."""
    best: dict[str, HeldLock] = {}
    for lock in locks:
        if lock.relation not in best or strength(lock.mode) > strength(best[lock.relation].mode):
            best[lock.relation] = lock
    return tuple(sorted(best.values(), key=lambda lock: (-strength(lock.mode), lock.relation)))


def _matters(mode: str, on_table: HeldLock | None) -> bool:
    """An index follows its table; it is named only where its own lock is the stronger one (REINDEX)."""
    return on_table is None or strength(mode) > strength(on_table.mode)
