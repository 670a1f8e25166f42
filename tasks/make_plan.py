"""Makes the plan: what would run, in which order, and everything that stands in the way; it writes nothing."""

from pathlib import Path
from typing import Any

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.clients.domains import domains
from tasks.clients.session_settings import session_settings
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity
from tasks.gate.model import digest_of
from tasks.gate.plan import Plan
from tasks.lint import linted
from tasks.read_scripts import read_migrations, read_rollbacks
from tasks.survey import survey

Connection = psycopg.Connection[tuple[Any, ...]]


def make_plan(
    settings: Settings, policy: Policy, *, connection: Connection, identity: Identity, tools: dict[str, str]
) -> Plan:
    """The folder minus the ledger, judged; safe to run any number of times.

    Args:
        settings: where the folder and the ledger are.
        policy: part of what an approval covers.
        connection: to production, read-only.
        identity: what production says of itself.
        tools: versions of the programs that will act.

    Raises:
        ConfigurationError: the folder or the ledger cannot be used as it is set.
        Refused: the folder cannot be read as the tool reads it.
    """
    seen = survey(settings, connection)
    read = read_migrations(seen.pending, identity.major, domains(connection) if seen.pending else None)
    read = linted(read, policy, identity.major)
    found = seen.tool.rollbacks(seen.folder, rollback_folder(settings), seen.pending)
    return Plan(
        target=settings.target,
        identity=identity,
        tool=seen.tool.name,
        generation=seen.folder.generation,
        ledger_schema=seen.ledger.schema_name,
        ledger_table=seen.ledger.table,
        ledger_head=seen.ledger.head,
        migrations=seen.lines,
        pending=seen.pending,
        rollbacks=found.rollbacks,
        problems=(
            *seen.ledger_problems,
            *seen.problems,
            *seen.tool.explain(read.problems),
            *found.problems,
            *read_rollbacks(found.rollbacks, identity.major),
        ),
        hazards=(*seen.notes, *seen.tool.remarks(seen.lines, seen.pending), *read.hazards, *found.notes),
        effects=read.effects,
        segments=read.segments,
        policy_digest=digest_of(policy),
        tools=tools,
        session_settings=session_settings(connection),
    )


def rollback_folder(settings: Settings) -> Path:
    """Where rollback SQL is kept; it need not exist unless it is set.

    Raises:
        ConfigurationError: GATE_ROLLBACKS names what is no folder.
    """
    if settings.rollbacks is not None and not settings.rollbacks.is_dir():
        raise ConfigurationError(
            f"GATE_ROLLBACKS names {settings.rollbacks}, which is no folder",
            hint="create it, or unset GATE_ROLLBACKS to use the folder rollback below the migrations",
        )
    return settings.rollback_folder
