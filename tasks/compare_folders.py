"""What this folder adds to the migrations of another commit: the plan of a pull request, without any database."""

import tempfile
import time
from pathlib import Path

from config.policy import Policy
from config.settings import Settings
from tasks.clients.git_files import files_at
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity
from tasks.gate.plan import Folder, Ledger, Plan
from tasks.lint import linted
from tasks.make_plan import rollback_folder
from tasks.read_scripts import read_migrations, read_rollbacks
from tasks.tool import Tool, ledger_place, tool_of


def compare_folders(settings: Settings, policy: Policy, base: str, major: int) -> Plan:
    """The plan that would be made if a database had exactly the migrations of `base`; never one to be applied.

    Args:
        settings: where the folder is.
        policy: what it says of hazards.
        base: a commit, branch or tag of the repository around the folder.
        major: production's major version.

    Raises:
        ConfigurationError: no repository, no such commit, or no folder here.
        Refused: the folder cannot be read as the tool reads it.
    """
    using = tool_of(settings)
    folder = using.read_folder(settings.migrations)
    ledger = _as_if_applied(folder_at(using, settings.migrations, base), folder, settings)
    lines, pending, problems = using.states(folder, ledger, time.time_ns() // 1_000_000)
    reading = linted(read_migrations(pending, major), policy, major)
    found = using.rollbacks(folder, rollback_folder(settings), pending)
    return Plan(
        target=settings.target,
        identity=_nobody(base, major),
        tool=using.name,
        generation=folder.generation,
        ledger_schema=ledger.schema_name,
        ledger_table=ledger.table,
        ledger_head=ledger.head,
        migrations=lines,
        pending=pending,
        rollbacks=found.rollbacks,
        problems=(
            *problems,
            *using.explain(reading.problems),
            *found.problems,
            *read_rollbacks(found.rollbacks, major),
        ),
        hazards=(*using.remarks(lines, pending), *reading.hazards, *found.notes),
        effects=reading.effects,
        segments=reading.segments,
    )


def folder_at(using: Tool, migrations: Path, base: str) -> Folder | None:
    """The same folder at another commit; None when it held no migrations there.

    Raises:
        ConfigurationError: no git, no repository, or no such commit.
    """
    files = files_at(migrations, base)
    with tempfile.TemporaryDirectory(prefix="gate-base-") as made:
        folder = Path(made)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        try:
            return using.read_folder(folder)
        except ConfigurationError:
            return None


def _as_if_applied(before: Folder | None, folder: Folder, settings: Settings) -> Ledger:
    migrations = before.migrations if before else ()
    schema, table = ledger_place(settings)
    written = tool_of(settings).rows.written
    return Ledger(
        schema_name=schema,
        table=table,
        exists=True,
        schema_exists=True,
        has_name=folder.generation == 1,
        rows=tuple(
            written(m, folder.generation).model_copy(update={"id": number}) for number, m in enumerate(migrations, 1)
        ),
    )


def _nobody(base: str, major: int) -> Identity:
    """No database was asked; the name says what stands for it."""
    return Identity(
        system_identifier="",
        database_oid=0,
        database=base,
        timeline=0,
        server_version_num=major * 10_000,
        server_version=str(major),
    )
