"""Makes the plan: what would run, in which order, and everything that stands in the way; it writes nothing."""

import time
from pathlib import Path
from typing import Any

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.drizzle.elsewhere import choose_ledger
from tasks.drizzle.ledger import other_ledgers
from tasks.drizzle.verdicts import with_drizzles_part
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity
from tasks.gate.model import digest_of
from tasks.gate.plan import Migration, Plan, PlannedMigration, State
from tasks.read_scripts import read_migrations, read_rollbacks
from tasks.rollbacks import find_rollbacks
from tasks.tool import tool

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
    using = tool()
    folder = using.read_folder(settings.migrations)
    ledger = using.read_ledger(connection, settings.migrations_schema, settings.migrations_table)
    choice = choose_ledger(
        ledger,
        other_ledgers(connection, ledger, [m.hash for m in folder.migrations]),
        explicit=bool({"migrations_schema", "migrations_table"} & settings.model_fields_set),
    )
    if choice.found is not None:
        ledger = using.read_ledger(connection, choice.found.schema_name, choice.found.table)
    lines, pending, problems = using.states(folder, ledger, time.time_ns() // 1_000_000)
    script_problems, hazards = read_migrations(pending, identity.major)
    found = find_rollbacks(_rollback_folder(settings), pending)
    return Plan(
        target=settings.target,
        identity=identity,
        tool=using.name,
        generation=folder.generation,
        ledger_schema=ledger.schema_name,
        ledger_table=ledger.table,
        ledger_head=ledger.head,
        migrations=lines,
        pending=pending,
        rollbacks=found.rollbacks,
        problems=(
            *choice.problems,
            *problems,
            *with_drizzles_part(script_problems),
            *found.problems,
            *read_rollbacks(found.rollbacks, identity.major),
        ),
        hazards=(*choice.notes, *_order(pending), *_late(lines), *hazards, *found.notes),
        policy_digest=digest_of(policy),
        tools=tools,
    )


def _rollback_folder(settings: Settings) -> Path:
    if settings.rollbacks is not None and not settings.rollbacks.is_dir():
        raise ConfigurationError(
            f"GATE_ROLLBACKS names {settings.rollbacks}, which is no folder",
            hint="create it, or unset GATE_ROLLBACKS to use the folder rollback below the migrations",
        )
    return settings.rollback_folder


def _order(pending: tuple[Migration, ...]) -> list[str]:
    """An unsorted journal passes in one go, and loses entries where it is deployed in steps."""
    lines = []
    newest: Migration | None = None
    for migration in pending:
        if migration.name is None and newest and (migration.created_at or 0) <= (newest.created_at or 0):
            lines.append(
                f"{migration.tag} comes after {newest.tag} in the journal but is older: it runs now, but a database"
                f" that has {newest.tag} already would silently skip it"
            )
        else:
            newest = migration
    return lines


def _late(lines: tuple[PlannedMigration, ...]) -> list[str]:
    """What Drizzle 1.0 runs after younger ones: a branch that was merged late, or something that 0.x skipped."""
    return [f"{line.tag} is {line.sentence}" for line in lines if line.state is State.PENDING and line.sentence]
