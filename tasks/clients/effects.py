"""What a statement did to the tables, read inside its own transaction: rows, rewrites, index builds, truncations.

Exact and without polling: the transaction's own statistics (`pg_stat_get_xact_*`) hold what cascades and triggers did,
an event trigger on `table_rewrite` says why a table is rewritten, and new file nodes show index builds. TRUNCATE sets a
table's counters back to nothing and counts no deletes, so a truncated table is recognised by its new or emptied file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from tasks.clients.postgres import Connection
from tasks.clients.rewrite_notes import new_notes, read_notes, reason_words
from tasks.gate.rehearsal import RowChanges
from tasks.gate.wording import size

# Reads no user table and keeps no lock; needs no privilege, so a SET ROLE in a migration does not matter. After the
# first reading only relations that this session has locked are asked for: nothing else can have changed by it.
RELATIONS = """
select c.oid::pg_catalog.int8,
       pg_catalog.format('%I.%I', n.nspname, c.relname),
       c.relkind::pg_catalog.text,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::pg_catalog.int8,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0),
       i.indrelid::pg_catalog.int8,
       am.amname::pg_catalog.text,
       pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_updated(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_am am on am.oid = c.relam
 where c.relkind in ('r', 'm', 'i')
   and n.nspname <> 'information_schema' and n.nspname <> 'gate_rehearsal' and n.nspname !~ '^pg_'
"""
LOCKED = """
   and c.oid in (select l.relation from pg_catalog.pg_locks l
                  where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.mode <> 'AccessShareLock')
"""
COUNT = "select pg_catalog.count(*) from only {table}"
ONE_PAGE = 8192  # an empty index is one page: built in no time, whoever waits


class _Relation(NamedTuple):
    oid: int
    name: str
    kind: str
    filenode: int
    bytes: int
    table: int | None  # of an index
    method: str | None
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class Effects:
    """What happened between two readings."""

    rows: tuple[RowChanges, ...] = ()
    rewrites: tuple[str, ...] = ()
    index_builds: tuple[str, ...] = ()


class EffectTrace:
    """Reads the effects of one session's transaction; each reading says what came on top of the last."""

    def __init__(self, rows: Mapping[str, int], *, ignored: str) -> None:
        """Follow a transaction.

        Args:
            rows: rows of each table before it, by quoted, schema-qualified name.
            ignored: the quoted, schema-qualified name of the ledger, which the gate itself writes.
        """
        self._rows_by_name = rows
        self._ignored = ignored
        self._first: dict[int, _Relation] | None = None
        self._last: dict[int, _Relation] = {}
        self._rows: dict[int, int] = {}
        self._noted = ""

    def start(self, connection: Connection) -> None:
        """Read what is there before the first statement; later calls change nothing."""
        reading = None if self._first is not None else _read(connection, RELATIONS)
        if reading is not None:
            self._first, self._noted = reading
            self._last = self._first
            self._rows = {
                oid: self._rows_by_name[r.name] for oid, r in self._first.items() if r.name in self._rows_by_name
            }

    def rows(self) -> dict[str, int]:
        """Rows of each table as the last reading left them, for whoever follows the next transaction."""
        if self._first is None:
            return dict(self._rows_by_name)
        return {self._last[oid].name: rows for oid, rows in self._rows.items() if oid in self._last}

    def since_last(self, connection: Connection) -> Effects:
        """What happened since the last reading; nothing when it cannot be read, and then the next one holds it."""
        reading = _read(connection, RELATIONS + LOCKED)
        if self._first is None or reading is None:
            return Effects()
        now, noted = reading
        events = new_notes(self._noted, noted)
        changed, copied, truncated = self._tables(connection, now, events)
        effects = Effects(
            rows=tuple(sorted(changed, key=lambda change: change.table)),
            rewrites=(*self._rewrites(events, now), *copied),
            index_builds=tuple(self._index_builds(now, truncated)),
        )
        self._last, self._noted = {**self._last, **now}, noted
        return effects

    def _tables(
        self, connection: Connection, now: dict[int, _Relation], events: dict[int, int]
    ) -> tuple[list[RowChanges], list[str], set[int]]:
        """Row changes, tables copied to new files without an event, and tables that were truncated."""
        changed, copied, truncated = [], [], set()
        for oid, table in now.items():
            old = self._last.get(oid)
            if table.name == self._ignored or table.kind == "i":
                continue
            if table.kind == "m":
                copied += [f"{table.name} (refreshed)"] if old and old.filenode != table.filenode else []
                continue
            left = _rows_left(connection, table, old, noted=oid in events)
            change = _change(table, old)
            expected = self._rows.get(oid, 0) + change.inserted - change.deleted
            if left is None or left == expected:
                copied += [f"{table.name} (copied to a new file)"] if left is not None else []
                self._rows[oid] = expected
            else:
                change = _truncation(table, (self._first or {}).get(oid), self._rows.get(oid, 0), left)
                self._rows[oid] = left
                truncated.add(oid)
            if change.truncated or change.inserted or change.updated or change.deleted:
                changed.append(change)
        return changed, copied, truncated

    def _rewrites(self, events: dict[int, int], now: dict[int, _Relation]) -> list[str]:
        named = ((now.get(oid) or self._last.get(oid), reason) for oid, reason in events.items())
        return [f"{relation.name} ({reason_words(reason)})" for relation, reason in named if relation is not None]

    def _index_builds(self, now: dict[int, _Relation], truncated: set[int]) -> list[str]:
        """Indexes with a file that was not there before; those of tables that are new and empty cost nothing."""
        files = {relation.filenode for relation in self._last.values()}
        built = []
        for oid, index in now.items():
            if index.kind != "i" or index.filenode in files or index.table in truncated:
                continue  # an index that only got a new number keeps its file: ALTER TYPE to a longer varchar
            if index.bytes <= ONE_PAGE and self._first is not None and index.table not in self._first:
                continue
            again = "rebuilt, " if oid in self._last else ""
            built.append(f"{index.name} ({again}{index.method}, {size(index.bytes)})")
        return sorted(built)


def _read(connection: Connection, query: LiteralString) -> tuple[dict[int, _Relation], str] | None:
    """The transaction's own view; a failure is taken back, so that the migration does not notice it."""
    inside = connection.info.transaction_status == TransactionStatus.INTRANS
    try:
        if inside:
            connection.execute("savepoint gate_reading")
        relations = {row[0]: _Relation(*row) for row in connection.execute(query)}
        noted = read_notes(connection)
        if inside:
            connection.execute("release savepoint gate_reading")
    except psycopg.Error:
        _take_back(connection)
        return None
    return relations, noted


def _rows_left(connection: Connection, table: _Relation, old: _Relation | None, *, noted: bool) -> int | None:
    """How many rows a table holds that may have been truncated; None when it was not."""
    if old is None:
        return None
    shrunk = table.bytes < old.bytes and (not noted or table.bytes == 0)
    another_file = table.filenode != old.filenode and not noted
    reset = table.inserted < old.inserted or table.updated < old.updated or table.deleted < old.deleted
    if not (shrunk or another_file or reset):
        return None
    try:
        connection.execute("savepoint gate_reading")
        found = connection.execute(sql.SQL(COUNT).format(table=sql.SQL(table.name))).fetchone()
        connection.execute("release savepoint gate_reading")
    except psycopg.Error:
        _take_back(connection)
        return None
    return int(found[0]) if found else None


def _take_back(connection: Connection) -> None:
    if connection.info.transaction_status == TransactionStatus.INERROR:
        connection.execute("rollback to savepoint gate_reading; release savepoint gate_reading")


def _change(table: _Relation, old: _Relation | None) -> RowChanges:
    inserted, updated, deleted = old[-3:] if old else (0, 0, 0)
    return RowChanges(
        table=table.name,
        inserted=max(0, table.inserted - inserted),
        updated=max(0, table.updated - updated),
        deleted=max(0, table.deleted - deleted),
    )


def _truncation(table: _Relation, first: _Relation | None, before: int, left: int) -> RowChanges:
    """The counters start again at the TRUNCATE: what they say on top of the first reading came after it."""
    inserted, updated, _ = first[-3:] if first else (0, 0, 0)
    after = max(0, table.inserted - inserted)
    return RowChanges(
        table=table.name,
        inserted=after,
        updated=max(0, table.updated - updated),
        deleted=max(0, before + after - left),
        truncated=True,
    )
