"""Writes a draft of a migration's rollback SQL on a scratch server, and tries it there: up, down, compare, up."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from pydantic import SecretStr

from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.catalog import Connection, read_catalog, read_names
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_difference, schema_text
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import BY_ITSELF, Session
from tasks.gate.draft import Draft, down, next_rename
from tasks.gate.draft_text import Trial, changes_of_rows, draft_text
from tasks.gate.errors import ConfigurationError, GateError, Refused
from tasks.gate.plan import Folder, Migration
from tasks.gate.rehearsal_failures import told
from tasks.gate.take_back import unknown_tag
from tasks.gate.undo import changed
from tasks.replay import STATEMENT_MS, replay
from tasks.run_segments import plan_over, run_plan
from tasks.scratch_for_drafts import production_session, scratch_for_drafts
from tasks.tool import ledger_place, tool_of

MOST_RENAMES = 500


class _Ground(NamedTuple):
    scratch: ScratchServer
    programs: Programs
    folder: Folder
    migration: Migration
    ledger: tuple[str, str]


class Written(NamedTuple):
    """A draft that was written."""

    file: Path | None  # None where it belongs into the migration's own file, which the gate never writes
    text: str
    draft: Draft
    trial: Trial
    cannot: tuple[str, ...]


def write_draft(settings: Settings, tag: str) -> Written:
    """Write the draft of a migration's rollback SQL into the rollback folder; production is not touched.

    Raises:
        ConfigurationError: there is no such migration, or it has rollback SQL.
        Refused: the history before it, or the migration itself, does not run from empty.
    """
    using = tool_of(settings)
    folder = using.read_folder(settings.migrations)
    migration = next((m for m in folder.migrations if m.tag == tag), None)
    if migration is None:
        raise unknown_tag(tag, folder)
    file = None if using.rollbacks_inside else settings.rollback_folder / f"{tag}.sql"
    found = using.rollbacks(folder, settings.rollback_folder, [migration])
    if found.rollbacks or found.drafts or (file and file.exists()):
        there = found.rollbacks[0].file if found.rollbacks else found.drafts.get(tag, f"{tag}.sql")
        raise ConfigurationError(
            f"{tag} has {there} already", hint="a draft overwrites nothing: move that file away first"
        )
    with scratch_for_drafts(settings) as (scratch, programs):
        draft, trial = draft_rollback(
            scratch, programs, folder, tag, ledger_place(settings), production_session(settings)
        )
    text = draft_text(migration, draft, trial)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    return Written(file, text, draft, trial, (*draft.lost, *changes_of_rows(migration)))


def draft_rollback(
    scratch: ScratchServer,
    programs: Programs,
    folder: Folder,
    tag: str,
    ledger: tuple[str, str],
    session: Session = BY_ITSELF,
) -> tuple[Draft, Trial]:
    """The draft of one migration's rollback, from what it changes after the history before it, and how it went.

    Safe to run twice: it touches scratch databases of its own, and drops them.

    Args:
        scratch: a server of ours; production is not needed.
        programs: pg_dump, which writes the schema texts that are compared.
        folder: with the migration and everything before it.
        tag: the migration's.
        ledger: schema and table of the migrations table.
        session: how production's sessions begin, where that is known.

    Raises:
        Refused: the history before it, or the migration itself, does not run from empty.
    """
    place = next(n for n, m in enumerate(folder.migrations) if m.tag == tag)
    ground = _Ground(scratch, programs, folder, folder.migrations[place], ledger)
    earlier = folder.model_copy(update={"migrations": folder.migrations[:place]})
    base = replay(scratch, earlier, *ledger, session)
    try:
        with _copy(scratch, base, session) as up, _copy(scratch, base, session) as trip:
            _apply(ground, up)
            _apply(ground, trip)
            draft = _draft(ground, scratch.database_url(base), up)
            return draft, _try(ground, draft, scratch.database_url(base), trip)
    finally:
        scratch.drop_database(base)


@contextmanager
def _copy(scratch: ScratchServer, template: str, session: Session) -> Iterator[SecretStr]:
    name = f"{template}_{secrets.token_hex(2)}"
    url = scratch.create_database(name, template=template, settings=session.settings)
    try:
        yield url
    finally:
        scratch.drop_database(name)


def _apply(ground: _Ground, url: SecretStr) -> None:
    with postgres.connect(url, purpose="draft", statement_timeout_ms=STATEMENT_MS) as connection:
        try:
            run_plan(connection, plan_over(connection, ground.folder, [ground.migration], ground.ledger))
        except GateError as error:
            raise Refused(f"after the history before it, {told(error)}", hint=error.hint) from None


def _draft(ground: _Ground, before: SecretStr, up: SecretStr) -> Draft:
    """Renames come first; what then differs by name is made, removed or changed."""
    statements: list[str] = []
    with postgres.connect(before, purpose="draft") as base, postgres.connect(up, purpose="draft") as now:
        names = read_names(base)
        while (rename := next_rename(names, read_names(now))) is not None and len(statements) < MOST_RENAMES:
            statements.append(rename)
            if why := _refused(now, rename):
                return Draft(tuple(statements), (f"names were exchanged: {why}",))
        found = down(read_catalog(base, ground.ledger), read_catalog(now, ground.ledger))
    return Draft((*statements, *found.statements), found.lost)


def _refused(connection: Connection, statement: str) -> str:
    """The server's own sentence; empty when it ran."""
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.diag.message_primary or type(error).__name__
    return ""


def _try(ground: _Ground, draft: Draft, before: SecretStr, trip: SecretStr) -> Trial:
    """Down in one transaction, the comparison, and up again."""
    with postgres.connect(trip, purpose="draft", statement_timeout_ms=STATEMENT_MS) as connection:
        connection.execute("begin")
        for number, statement in enumerate(draft.statements, 1):
            if why := _refused(connection, statement):
                return Trial(failed=f"statement {number} fails: {why}")
        connection.execute("commit")
    with_it = _text(ground, trip)
    lines = tuple(changed(schema_difference(_text(ground, before), with_it, "before", "after the draft")))
    with postgres.connect(trip, purpose="draft", statement_timeout_ms=STATEMENT_MS) as connection:
        try:
            for statement in ground.migration.statements:
                connection.execute(statement.encode())
        except psycopg.Error as error:
            return Trial(differs=lines, again=error.diag.message_primary or type(error).__name__)
    return Trial(differs=lines)


def _text(ground: _Ground, url: SecretStr) -> str:
    return schema_text(url, ground.programs, exclude_ledger=ground.ledger)
