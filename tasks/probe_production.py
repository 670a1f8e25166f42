"""Ask production what it shows of a plan; the meaning is decided in `tasks/gate/production.py`, by evidence alone."""

import time
from typing import NamedTuple

import psycopg

from tasks.clients import postgres
from tasks.clients.alone_catalog import look
from tasks.clients.patience import while_away
from tasks.clients.postgres import Connection
from tasks.clients.sessions import GateSession, application_name, end_session, sessions_named
from tasks.clients.statement_rows import StatementRows, take_on
from tasks.gate.errors import ConfigurationError, GateError, NotRecovered
from tasks.gate.names import failed_name, restore_name
from tasks.gate.plan import Ledger, Plan
from tasks.gate.production import LedgerShows, ProductionState, Related, Settled, settle
from tasks.gate.progress import Progress, progress, recorded_rows
from tasks.gate.segment import Kind
from tasks.release import Release
from tasks.tool import tool
from tasks.workshop import production_url

TRANSACTION = "select pg_catalog.pg_xact_status(%s::pg_catalog.xid8)"
RELATED = (
    "select datname::text, oid::bigint, datallowconn from pg_catalog.pg_database where datname = any(%s) order by 1"
)
SLOTS = """
select slot_name::text from pg_catalog.pg_replication_slots
 where slot_type = 'logical' and database = pg_catalog.current_database() order by 1
"""
SUBSCRIPTIONS = """
select subname::text from pg_catalog.pg_subscription
 where subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()) order by 1
"""
SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"


Definitions = dict[tuple[str, int], str]


class OnTheDatabase(NamedTuple):
    """What belongs to the database itself and not to its name."""

    logical_slots: tuple[str, ...]
    subscriptions: tuple[str, ...]
    bytes: int


class Patience(NamedTuple):
    """How long to look before the outcome counts as unknown, in seconds."""

    unreachable: float = 60.0  # a failover takes 10-30 s on managed servers
    in_progress: float = 90.0  # more than the 60 s after which the server itself ends an idle transaction
    before_ending: float = 5.0  # a session of ours that still sits there after this is ended
    pause: float = 0.5


def session_names(release_id: str) -> list[str]:
    """Under which names this release's working sessions show in pg_stat_activity."""
    return [application_name(f"{deed} {release_id}") for deed in ("apply", "roll back")]


def probe_production(release: Release, plan: Plan, *, transaction: str | None = None) -> ProductionState:
    """One look at production; changes nothing.

    Args:
        release: whose sessions and databases are looked for.
        plan: what the ledger is compared with.
        transaction: xid8 as text of the transaction to ask about, if it is known.

    Raises:
        ConfigurationError: production cannot be reached.
        GateError: its ledger cannot be read.
    """
    url = production_url(release.settings)
    try:
        with postgres.connect(url, purpose="probe", read_only=True) as connection:
            return _look(connection, release.id, plan, transaction)
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise ConfigurationError(f"{postgres.describe(url)} cannot be read: {said}") from None


def probe_patiently(release: Release, plan: Plan, *, patience: Patience | None = None) -> ProductionState:
    """The same after a COMMIT that was answered: looks again for as long as production cannot be reached.

    Raises:
        NotRecovered: it could not be reached for as long as `patience` says.
    """
    limit = patience or Patience()
    try:
        return while_away(
            lambda: probe_production(release, plan),
            seconds=limit.unreachable,
            on=(GateError,),
            longest_pause=limit.pause,
        )
    except GateError as error:
        raise _unknown(release, error.message) from None


def settle_production(
    release: Release, plan: Plan, *, transaction: str | None = None, patience: Patience | None = None
) -> tuple[ProductionState, Settled]:
    """Look until nothing is in progress any more: what is unknown is waited for, within bounds, never guessed.

    A session that a dead process of this release left behind is ended: its transaction then is committed or aborted.

    Raises:
        NotRecovered: production cannot be reached, or a transaction of this release does not end.
    """
    patience = patience or Patience()
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        try:
            state = probe_production(release, plan, transaction=transaction)
        except GateError as error:
            if waited > patience.unreachable:
                raise _unknown(release, error.message) from None
        else:
            if not state.in_flight and state.transaction != "in progress":
                return state, settle(state)
            if waited > patience.in_progress:
                raise _unknown(release, "its transaction is still in progress")
            if waited > patience.before_ending:
                end_leftovers(release, plan)
        time.sleep(patience.pause)


def end_leftovers(release: Release, plan: Plan) -> list[str]:
    """End sessions that a dead process of this release left in production; returns them in words.

    Safe: whoever calls holds the target's acting lock, so no live process works for this release; and a session is
    ended only when its name and its start are those that were seen.
    """
    with postgres.connect(production_url(release.settings), purpose="probe") as connection:
        found = _in_flight(connection, release.id, plan)
        return [session.words for session in found if end_session(connection, session)]


def _look(connection: Connection, release_id: str, plan: Plan, transaction: str | None) -> ProductionState:
    identity = postgres.identity(connection)
    ledger = tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)
    names = [plan.identity.database, failed_name(plan.identity.database, release_id)]
    related = connection.execute(RELATED, [[*names, restore_name(plan.identity.database, release_id)]]).fetchall()
    return ProductionState(
        database=identity.database,
        same_database=identity.same_database(plan.identity),
        primary=not postgres.in_recovery(connection),
        timeline=identity.timeline,
        timeline_of_plan=plan.identity.timeline,
        ledger=ledger_shows(ledger, plan),
        ledger_rows=len(ledger.rows),
        ledger_head=ledger.head,
        transaction=_status(connection, transaction),
        in_flight=tuple(session.words for session in _in_flight(connection, release_id, plan)),
        related=tuple(Related(name=name, oid=oid, connections_allowed=allowed) for name, oid, allowed in related),
        **what_hangs_on(connection)._asdict(),
        progress=look_at_segments(connection, release_id, plan, ledger),
    )


def what_hangs_on(connection: Connection) -> OnTheDatabase:
    """Ask a session in production what a swap of the names would lose, and how much room a copy takes."""
    return OnTheDatabase(
        logical_slots=tuple(name for (name,) in connection.execute(SLOTS)),
        subscriptions=tuple(name for (name,) in connection.execute(SUBSCRIPTIONS)),
        bytes=(connection.execute(SIZE).fetchone() or (0,))[0],
    )


def ledger_shows(ledger: Ledger, plan: Plan) -> LedgerShows:
    """The ledger as the plan found it, as it must leave it (with exactly its rows on top), or neither."""
    if ledger.head == plan.ledger_head:
        return LedgerShows.BEFORE
    if plan.ledger_head_after is not None:
        return LedgerShows.AFTER if ledger.head == plan.ledger_head_after else LedgerShows.OTHER
    rows = recorded_rows(ledger, plan)
    if rows == len(plan.pending):
        return LedgerShows.AFTER
    return LedgerShows.BETWEEN if rows is not None and plan.segments else LedgerShows.OTHER


def look_at_segments(
    connection: Connection, release_id: str, plan: Plan, ledger: Ledger, definitions: Definitions | None = None
) -> Progress | None:
    """How far a plan in segments got; None for one that a single transaction holds.

    Args:
        connection: outside a transaction; its search_path becomes the one that the plan left.
        release_id: whose rows are read.
        plan: what is compared.
        ledger: as it is now.
        definitions: of indexes, by tag and index of the statement that builds them; any will do where none is known.
    """
    if not plan.segments:
        return None
    rows = recorded_rows(ledger, plan)
    if rows is None:
        return Progress(of=len(plan.segments), doubt="the ledger is neither as the plan found it nor as it leaves it")
    written = StatementRows(release_id).read(connection)
    found = progress(plan, written, rows)
    if not found.started:
        return found
    segment = plan.segments[found.segments_in]
    if segment.alone is None:
        return found.model_copy(update={"doubt": f"gate.statements says that {found.started} is begun, alone"})
    if segment.alone.kind is Kind.PROCEDURE:
        doubt = f"{found.started} was begun, it commits on its way, and nobody can tell from outside how far it got"
        return found.model_copy(update={"doubt": doubt})
    take_on(connection, written, only="search_path")  # an unqualified name is found where the statement found it
    statement = segment.statements[0]
    expected = (definitions or {}).get((statement.tag, statement.index), "")
    return found.model_copy(update={"left": look(connection, segment.alone, expected)})


def _status(connection: Connection, transaction: str | None) -> str | None:
    if transaction is None:
        return None
    try:
        row = connection.execute(TRANSACTION, [transaction]).fetchone()
    except psycopg.errors.InvalidParameterValue:  # "in the future": assigned on a timeline that was lost
        return None
    return str(row[0]) if row and row[0] else None  # too old to be known is no witness


def _in_flight(connection: Connection, release_id: str, plan: Plan) -> list[GateSession]:
    return sessions_named(connection, session_names(release_id), plan.identity.database)


def _unknown(release: Release, why: str) -> NotRecovered:
    return NotRecovered(
        f"the outcome of the COMMIT in production is unknown: {why}",
        hint=f"nothing is retried and nothing is undone by guess; when production answers, `gate resume {release.id}`",
        unknown=True,
    )
