"""After the rehearsal of a rollback: what it leaves behind, and whether the migrations run again after it."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_difference, schema_text
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import session_like
from tasks.gate.errors import GateError, Refused
from tasks.gate.plan import Folder, Plan
from tasks.gate.rehearsal_failures import told
from tasks.gate.undo import Undo, blamed, changed, undo
from tasks.gate.wording import listing
from tasks.rehearsal_states import PATIENCE_MS
from tasks.replay import replay
from tasks.run_segments import plan_over, run_plan
from tasks.schema_before import KeptSchema, without_ledger_schema
from tasks.tool import run


class Places(NamedTuple):
    """Where a rollback is tried."""

    scratch: ScratchServer
    database: str  # the restored one; only read
    programs: Programs


class _Reference(NamedTuple):
    words: str
    expected: str  # schema text that the copy should have
    owners: bool  # it says who owns what
    drift: tuple[str, ...]  # in which production differed from its like before the rollback


def rehearse_undo(
    places: Places, plan: Plan, folder: Folder, kept: KeptSchema | None, progress: Callable[[str], None]
) -> Undo:
    """Run the rollback on a copy, compare the schema with a history that never had the migrations, and run them again.

    Safe to run twice: the restored database is only read, and the copy is made anew and dropped.

    Args:
        places: scratch server, restored database, client programs.
        plan: of a rollback; it ran on another copy before.
        folder: the migrations as the plan saw them.
        kept: production's schema just before the release that is taken back, where a record has it.
        progress: a figure that replaces the last one.

    Raises:
        Refused: the scratch server failed.
    """
    name = f"{places.database}_undo"
    try:
        places.scratch.drop_database(name)
        url = places.scratch.create_database(name, template=places.database, settings=plan.session_settings)
        try:
            progress("comparing with the history without it")
            with postgres.connect(url, purpose="rehearse", statement_timeout_ms=PATIENCE_MS) as connection:
                run(connection, plan)
            try:
                reference, unknown = _reference(places, plan, folder, kept), ""
                leftovers = _leftovers(url, places, plan, reference)
            except GateError as error:  # a history that does not replay: then nobody can say, and says so
                reference, unknown, leftovers = None, error.message, ()
            words = reference.words if reference else ""
            return undo(words, leftovers, _again(url, places, plan, folder), unknown)
        finally:
            with suppress(GateError, psycopg.Error):  # the scratch server itself ends soon
                places.scratch.drop_database(name)
    except psycopg.Error as error:
        raise Refused(
            f"the scratch server failed during the rehearsal: {type(error).__name__}",
            hint="production is untouched; look at its disk space and memory, then `gate resume`",
        ) from None


def _text(url: SecretStr, places: Places, plan: Plan, *, owners: bool = False) -> str:
    ledger = (plan.ledger_schema, plan.ledger_table)
    text = schema_text(url, places.programs, exclude_ledger=ledger, owners=owners)
    return without_ledger_schema(text, plan.ledger_schema)


def _reference(places: Places, plan: Plan, folder: Folder, kept: KeptSchema | None) -> _Reference:
    if kept is not None:
        return _Reference(f"production before {kept.release}", kept.text, owners=True, drift=())
    gone = {script.tag for script in plan.pending}
    applied = {line.tag for line in plan.migrations if line.state == "applied"}
    now = places.scratch.database_url(places.database)
    whole = _replayed(places, plan, folder, applied)
    drift = schema_difference(whole, _text(now, places, plan), "the history", "production")
    return _Reference(
        f"a replay of the history without {listing(sorted(gone))}",
        _replayed(places, plan, folder, applied - gone),
        owners=False,
        drift=drift,
    )


def _replayed(places: Places, plan: Plan, folder: Folder, tags: set[str]) -> str:
    """The schema that these migrations make from nothing."""
    chosen = folder.model_copy(update={"migrations": tuple(m for m in folder.migrations if m.tag in tags)})
    with postgres.connect(places.scratch.database_url(places.database), purpose="look", read_only=True) as connection:
        session = session_like(connection, plan.session_settings)
    database = replay(places.scratch, chosen, plan.ledger_schema, plan.ledger_table, session)
    try:
        return _text(places.scratch.database_url(database), places, plan)
    finally:
        places.scratch.drop_database(database)


def _leftovers(url: SecretStr, places: Places, plan: Plan, reference: _Reference) -> tuple[str, ...]:
    found = _text(url, places, plan, owners=reference.owners)
    return blamed(schema_difference(reference.expected, found, "expected", "found"), reference.drift)


def _again(url: SecretStr, places: Places, plan: Plan, folder: Folder) -> str:
    """Why the migrations do not run again; empty when they do, and reach the schema that production has now."""
    gone = {script.tag for script in plan.pending}
    with postgres.connect(url, purpose="rehearse", statement_timeout_ms=PATIENCE_MS) as connection:
        try:
            wanted = [m for m in folder.migrations if m.tag in gone]
            run_plan(connection, plan_over(connection, folder, wanted, (plan.ledger_schema, plan.ledger_table)))
        except GateError as error:
            return told(error) if "server_message" in error.nouns else error.message
    now = _text(places.scratch.database_url(places.database), places, plan)
    lines = changed(schema_difference(now, _text(url, places, plan), "now", "again"))
    return f"they lead to another schema: {listing(lines, limit=3)}" if lines else ""
