"""The rows of the schema `gate` in production: which statements of a plan in segments were started, and which are in.

One transaction cannot say that for a plan that needs several, and Drizzle's table has a row only for a whole migration.
The schema is made when such a plan is applied for the first time, and left alone by every other release.
"""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from tasks.clients.postgres import Connection
from tasks.gate.progress import StatementRow
from tasks.gate.segment import Segment, Statement
from tasks.gate.session_settings import changed

SCHEMA, TABLE = "gate", "statements"
COLUMNS = ("release", "segment", "tag", "statement", "digest", "started_at", "finished_at", "undone_at", "settings")
EXISTS = """
select n.oid is not null, c.oid is not null,
       array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0)
  from (select) as one
  left join pg_catalog.pg_namespace n on n.nspname = 'gate'
  left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'statements'
"""
CREATE_SCHEMA = "create schema gate"
CREATE_TABLE = """
create table gate.statements (
    release text not null,
    segment integer not null,
    tag text not null,
    statement integer not null,
    digest text not null,
    started_at timestamp with time zone not null default pg_catalog.clock_timestamp(),
    finished_at timestamp with time zone,
    undone_at timestamp with time zone,
    settings jsonb not null default '{}',
    primary key (release, tag, statement))
"""
COMMENT = (
    "comment on table gate.statements is 'what a release of the gate ran in segments; safe to drop between releases'"
)
START = """
insert into gate.statements (release, segment, tag, statement, digest) values (%s, %s, %s, %s, %s)
on conflict (release, tag, statement) do update set started_at = pg_catalog.clock_timestamp()
"""
# A transaction's rows are written at its end, in it: they say that it is committed, and nothing while it is not.
FINISH = """
insert into gate.statements (release, segment, tag, statement, digest, finished_at, settings)
select %(release)s, %(segment)s, tag, statement, digest, pg_catalog.clock_timestamp(), %(settings)s
  from unnest(%(tags)s::text[], %(statements)s::integer[], %(digests)s::text[]) as one(tag, statement, digest)
on conflict (release, tag, statement) do update set finished_at = excluded.finished_at, settings = excluded.settings
"""
UNDO = "update gate.statements set undone_at = pg_catalog.clock_timestamp() where release = %s and undone_at is null"
READ = """
select segment, tag, statement, digest, finished_at is not null, settings
  from gate.statements where release = %s and undone_at is null order by segment, started_at
"""
WRITTEN_BY = "select distinct xmin::text::bigint from gate.statements where release = %s"
# What the session set by itself: a later process that goes on with the plan sets it again. Of a SET LOCAL the server
# shows only the value that ends with the transaction, so there what the segment before left is kept.
SESSION = """
select coalesce(jsonb_object_agg(name, setting), '{}') from (
    select name, pg_catalog.current_setting(name)
      from pg_catalog.pg_settings
     where source = 'session' and name <> all(%(ours)s) and pg_catalog.lower(name) <> all(%(local)s)
    union
    select name, pg_catalog.current_setting(name, true)
      from unnest(%(custom)s::text[]) as name where name <> all(%(local)s)
    union
    select key, value
      from pg_catalog.jsonb_each_text((
           select settings from gate.statements
            where release = %(release)s and segment < %(segment)s and finished_at is not null and undone_at is null
            order by segment desc limit 1))
     where pg_catalog.lower(key) = any(%(local)s)) as one(name, setting)
 where setting is not null
"""
SET = "select pg_catalog.set_config(%s, %s, false)"
OURS = [
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "client_connection_check_interval",
    "idle_session_timeout",
    "transaction_timeout",
    "default_transaction_read_only",
    "transaction_read_only",
    "transaction_isolation",
    "transaction_deferrable",
    "role",
    "session_authorization",
    "client_encoding",
]


class NotOurTable(Exception):
    """A table gate.statements that the gate did not make."""


class StatementRows:
    """The rows of one release."""

    def __init__(self, release: str, segments: Sequence[Segment] = ()) -> None:
        """Of one release.

        Args:
            release: its id.
            segments: of its plan, for whoever writes that they are in.
        """
        self._release = release
        self._changed = changed(segments)

    def create(self, connection: Connection) -> None:
        """Make the schema and the table where they are missing.

        Raises:
            NotOurTable: something else has that name.
            psycopg.Error: the role may not.
        """
        schema, table, columns = _look(connection)
        if table and not set(COLUMNS) <= set(columns):
            raise NotOurTable("gate.statements in production is a table of somebody else's")
        if not schema:
            connection.execute(CREATE_SCHEMA)
        if not table:
            with connection.transaction():
                connection.execute(CREATE_TABLE)
                connection.execute(COMMENT)

    def read(self, connection: Connection) -> tuple[StatementRow, ...]:
        """What is written of this release; nothing where there is no such table."""
        _, table, columns = _look(connection)
        if not table or not set(COLUMNS) <= set(columns):
            return ()
        return tuple(
            StatementRow(segment=segment, tag=tag, index=index, digest=digest, finished=finished, settings=settings)
            for segment, tag, index, digest, finished, settings in connection.execute(READ, [self._release])
        )

    def transactions(self, connection: Connection) -> frozenset[int]:
        """Ids, 32 bits, of the transactions that wrote the rows: those of the segments that had one."""
        if not _look(connection)[1]:
            return frozenset()
        return frozenset(int(xid) for (xid,) in connection.execute(WRITTEN_BY, [self._release]))

    def start(self, connection: Connection, segment: Segment, statement: Statement) -> None:
        """Say, before a statement outside a transaction is sent, that it will be."""
        values = [self._release, segment.number, statement.tag, statement.index, statement.digest]
        connection.execute(START, values)

    def finish(self, connection: Connection, segment: Segment) -> None:
        """Say that a segment's statements are in; within the transaction that makes them so, where there is one."""
        statements = segment.statements
        its = self._changed[segment.number]
        names = {"ours": OURS, "local": list(its.local), "custom": list(its.custom)}
        row = connection.execute(SESSION, {**names, "release": self._release, "segment": segment.number}).fetchone()
        connection.execute(
            FINISH,
            {
                "release": self._release,
                "segment": segment.number,
                "tags": [s.tag for s in statements],
                "statements": [s.index for s in statements],
                "digests": [s.digest for s in statements],
                "settings": Jsonb(row[0] if row else {}),
            },
        )

    def undo(self, connection: Connection) -> None:
        """Say that the release was taken back; within the transaction that does it."""
        if _look(connection)[1]:
            connection.execute(UNDO, [self._release])


def take_on(connection: Connection, rows: Sequence[StatementRow], *, only: str = "") -> None:
    """Set what the plan's own statements had set in the session that is gone.

    Args:
        connection: outside a transaction.
        rows: of the release, in order.
        only: this one setting; empty for all of them.
    """
    finished = [row for row in rows if row.finished]
    for name, value in (finished[-1].settings if finished else {}).items():
        if only in ("", name):
            connection.execute(SET, [name, value])


def _look(connection: Connection) -> tuple[bool, bool, list[str]]:
    row = connection.execute(EXISTS).fetchone()
    assert row is not None, "a row of expressions always comes back"
    return bool(row[0]), bool(row[1]), list(row[2])
