"""A draft of rollback SQL brings the schema back exactly, or says what it cannot bring back."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.clients.session_settings import Session
from tasks.draft_rollback import draft_rollback
from tasks.gate.draft_text import changes_of_rows, draft_text
from tasks.gate.plan import Folder, Migration

LEDGER = ("drizzle", "__drizzle_migrations")
KIND = re.compile(r"^-- kind: (.+)\n(?:-- cannot: (.+)\n)?", re.MULTILINE)
LAST = "as the last of its table"
WHOLE = bool(os.environ.get("ROLLBACKS"))
ADDS = ["create a table with everything", "add a serial column", "turn text into an enum of its own", "a rule"]


def _kinds() -> dict[str, tuple[str, str]]:
    """Kinds of migrations over one schema, each with what its draft cannot bring back, if anything."""
    text = Path(__file__).with_name("draft_kinds.sql").read_text()
    _, *parts = KIND.split(text)
    return {name: (body, cannot or "") for name, cannot, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


KINDS = _kinds()
BASE, _ = KINDS.pop("base")


@pytest.fixture(scope="module")
def scratch(scratch_programs: Programs) -> Iterator[ScratchServer]:
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        yield server


def folder(*texts: str) -> Folder:
    migrations = tuple(
        Migration(tag=f"{n:04}", file=f"{n:04}.sql", hash=str(n), created_at=1000 + n, name=None, statements=(text,))
        for n, text in enumerate(texts)
    )
    return Folder(tool="drizzle", generation=0, path="drizzle", migrations=migrations)


@pytest.mark.parametrize("kind", list(KINDS) if WHOLE else ADDS)
def test_a_draft_brings_the_schema_back_or_says_what_it_cannot(
    scratch: ScratchServer, scratch_programs: Programs, kind: str
):
    text, cannot = KINDS[kind]
    project = folder(BASE, text)
    draft, trial = draft_rollback(scratch, scratch_programs, project, "0001", LEDGER)
    said = draft_text(project.migrations[1], draft, trial)
    assert not trial.failed, said
    told = [*draft.lost, *changes_of_rows(project.migrations[1])]
    if not cannot:
        assert trial.exact, said
        assert not told, said
    else:
        assert any(cannot in line for line in told), said
        if cannot not in (LAST, "cannot remove values of an enum"):
            assert not trial.differs, said


def test_a_draft_names_the_schema_that_production_s_search_path_leads_to(
    scratch: ScratchServer, scratch_programs: Programs
):
    project = folder("create table first (id int)", "create table second (id int)")
    session = Session({"search_path": '"app", "public"'}, ("app",))
    draft, trial = draft_rollback(scratch, scratch_programs, project, "0001", LEDGER, session)
    assert draft.statements == ("drop table app.second",)
    assert trial.exact
