"""Give the restored database production's name: close, empty, set the sequences, exchange the names at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import psycopg

from tasks.clients import databases, postgres, sequences
from tasks.clients.patience import while_away
from tasks.clients.postgres import Connection
from tasks.clients.writing import connect_to_write
from tasks.gate.errors import GateError, NotRecovered
from tasks.gate.model import Model
from tasks.gate.wording import count, duration, listing
from tasks.in_place import in_place
from tasks.interruption import uninterrupted
from tasks.kill_points import reached
from tasks.release import Release
from tasks.restore_beside import Beside
from tasks.workshop import production_url

NOBODY_WITHIN_S = 30.0  # by then every session must be gone
LOOK_EVERY_S = 0.02
SERVER_AWAY_S = 60.0  # a failover takes 10-30 s on managed servers
PAUSE_S = 0.5
TRIES = 3  # of the renames: each waits up to 5 s for sessions that the server itself starts, such as autovacuum
TRANSACTION = "select pg_catalog.pg_current_xact_id()::pg_catalog.text"

T = TypeVar("T")


class SwapFailed(GateError):
    """The names were not exchanged: production is what it was, and open."""


class Swapping(Model):
    """What a swap is about to do; enough to finish or undo it after a crash."""

    sentence: str
    name: str  # production's
    old_oid: int | None  # None when production does not exist any more
    new: str
    new_oid: int
    failed_name: str
    transaction: str  # an xid8 from before: what a later one wrote in the new database is not from the backup


class Swapped(Model):
    """The restored database has production's name."""

    sentence: str
    database: str
    failed_database: str | None
    gap_seconds: float  # from closing the old one until the new one had its name
    sequences_moved: int


def server_session(release: Release, purpose: str) -> Connection:
    """A session on production's server that no rename and no termination meets, and that may write."""
    return connect_to_write(
        production_url(release.settings),
        purpose=purpose,
        database=release.policy.recovery.maintenance_database,
        lock_timeout_ms=5000,
        statement_timeout_ms=60_000,
    )


def swap(
    release: Release, beside: Beside, name: str, failed: str, *, opened: Callable[[], None] | None = None
) -> Swapped:
    """Exchange the names; the failed database is kept as `failed`, readable and read-only by default.

    Safe to run twice after `finish_swap`, which a resume calls first. The exchange and the opening of both databases
    are one transaction, so a crash leaves either production closed under its old name, which `finish_swap` opens
    again, or the new one in its place.

    Args:
        release: its record hears of the swap before and after.
        beside: the restored and proved database.
        name: production's name.
        failed: what production's present database is called afterwards.
        opened: called the moment the new database can be connected to, before anything slow.

    Raises:
        SwapFailed: somebody cannot be disconnected, or the server refuses; production is open as before.
        NotRecovered: the server was lost on the way; production may be closed.
        ConfigurationError: the server cannot be reached.
    """
    with server_session(release, "swap") as server:
        old = databases.named(server, name)
        row = server.execute(TRANSACTION).fetchone()
        assert row is not None, "a function call returns a row"
        step = Swapping(
            sentence=f"{beside.database} takes the name {name}" + (f", which becomes {failed}" if old else ""),
            name=name,
            old_oid=old.oid if old else None,
            new=beside.database,
            new_oid=beside.oid,
            failed_name=failed,
            transaction=str(row[0]),
        )
        release.record.append("swapping", step)
        reached("swap:recorded")
        began = time.monotonic()
        try:
            moved = _exchange(release, server, step)
        except (psycopg.Error, SwapFailed) as error:
            if not _is_exchanged(release, step):  # the reply may be lost, and the names moved all the same
                raise _failed(error) from None
            moved = 0
        finally:
            _open_again(release, step)
        gap = time.monotonic() - began
    if opened is not None:
        opened()
    reached("swap:renamed")
    return record_swapped(release, step, gap, moved)


def record_swapped(release: Release, step: Swapping, gap: float, moved: int) -> Swapped:
    """Write down that the names are exchanged.

    Raises:
        NotRecovered: they are, and it cannot be written down.
    """
    kept = f"; the failed one is kept as {step.failed_name}" if step.old_oid else ""
    swapped = Swapped(
        sentence=f"{step.name} is the restored database now, {duration(gap)} without connections{kept}",
        database=step.name,
        failed_database=step.failed_name if step.old_oid else None,
        gap_seconds=round(gap, 3),
        sequences_moved=moved,
    )
    with in_place(release):
        release.record.append("swapped", swapped)
    reached("swap:recorded-swapped")
    return swapped


def _exchange(release: Release, server: Connection, step: Swapping) -> int:
    """Returns how many sequences moved."""
    with _sessions(release, step) as (old, new):
        for name in (step.name, step.new) if step.old_oid else (step.new,):
            databases.allow(server, name, allowed=False)
        reached("swap:closed")
        spare = [c.info.backend_pid for c in (old, new) if c is not None]
        _empty(server, step, spare)
        reached("swap:emptied")
        # Only now can nobody draw a value any more, and our own session was inside before the door closed.
        moved = len(sequences.advance(new, sequences.positions(old))) if old else 0
        reached("swap:sequences")
    for attempt in range(1, TRIES + 1):
        _empty(server, step, [])
        reached("swap:before-rename")
        try:
            databases.exchange(server, name=step.name, aside=step.failed_name if step.old_oid else None, new=step.new)
        except psycopg.errors.ObjectInUse:
            if attempt == TRIES:
                raise
        else:
            break
    return moved


@contextmanager
def _sessions(release: Release, step: Swapping) -> Iterator[tuple[Connection | None, Connection]]:
    """Our own sessions in both databases, opened before they are closed to everybody."""
    url = production_url(release.settings)
    with closing(connect_to_write(url, purpose="swap sequences", database=step.new)) as new:
        if step.old_oid is None:
            yield None, new
            return
        with closing(postgres.connect(url, purpose="swap sequences", read_only=True)) as old:
            yield old, new


def _empty(server: Connection, step: Swapping, spare: list[int]) -> None:
    """End all sessions of both databases, and wait until they are gone."""
    deadline = time.monotonic() + NOBODY_WITHIN_S
    oids = [oid for oid in (step.old_oid, step.new_oid) if oid]
    while there := databases.end_sessions(server, oids, spare):
        if time.monotonic() > deadline:
            raise SwapFailed(
                f"{count(len(there), 'session')} did not end within {duration(NOBODY_WITHIN_S)}: {listing(there)}",
                hint="stop whoever holds them; a session that does not react needs a look at its host",
            )
        time.sleep(LOOK_EVERY_S)
    if prepared := databases.prepared_transactions(server, [step.name, step.new]):
        raise SwapFailed(
            f"prepared transactions keep {step.name} in use: {listing(prepared)}",
            hint="COMMIT PREPARED or ROLLBACK PREPARED them",
        )


def _is_exchanged(release: Release, step: Swapping) -> bool:
    def look() -> bool:
        with server_session(release, "swap") as server:
            now = databases.numbered(server, step.new_oid)
        return now is not None and now.name == step.name

    return _until_reached(release, step, look)


def _open_again(release: Release, step: Swapping) -> None:
    """Whatever happened: nobody may stay locked out. On a session of its own, because the other may be dead."""

    def open_both() -> None:
        with server_session(release, "swap") as server:
            for oid in (step.old_oid, step.new_oid):
                database = databases.numbered(server, oid) if oid else None
                if database is not None and not database.open:
                    databases.allow(server, database.name, allowed=True)

    with uninterrupted():
        _until_reached(release, step, open_both)


def _until_reached(release: Release, step: Swapping, act: Callable[[], T]) -> T:
    """Try until the server answers: what closed production must not leave because of a short failure of the network.

    Raises:
        NotRecovered: it does not answer for long; production may be closed, and nobody may be told that it is open.
    """
    unanswered = (psycopg.Error, GateError)
    try:
        return while_away(act, seconds=SERVER_AWAY_S, on=unanswered, longest_pause=PAUSE_S)
    except unanswered:
        raise NotRecovered(
            f"the server was lost in the middle of the swap: {step.name} may be closed to connections",
            hint=f"when the server answers, `gate resume {release.id}` opens it and goes on",
        ) from None


def _failed(error: Exception) -> SwapFailed:
    if isinstance(error, SwapFailed):
        return error
    said = "the connection was lost"
    if isinstance(error, psycopg.Error):
        said = error.diag.message_primary or said
    return SwapFailed(
        f"the names were not exchanged: {said}", hint="production is open under its name, with the failed content"
    )
