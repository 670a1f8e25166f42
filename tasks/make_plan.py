"""Makes the plan: what would run, in which order, and everything that stands in the way; it writes nothing."""

import time
from pathlib import Path
from typing import Any

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.drizzle.ledger import OtherLedger, other_ledgers
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity
from tasks.gate.model import canonical, sha256
from tasks.gate.plan import Folder, Ledger, Migration, Plan, Problem
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
    lines, pending, problems = using.states(folder, ledger, time.time_ns() // 1_000_000)
    if not ledger.rows:
        problems = (*_elsewhere(connection, ledger, folder), *problems)
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
        problems=(*problems, *script_problems, *found.problems, *read_rollbacks(found.rollbacks, identity.major)),
        hazards=(*_order(pending), *hazards, *found.notes),
        policy_digest=sha256(canonical(policy.model_dump(mode="json"))),
        tools=tools,
    )


def _rollback_folder(settings: Settings) -> Path:
    if settings.rollbacks is not None and not settings.rollbacks.is_dir():
        raise ConfigurationError(
            f"GATE_ROLLBACKS names {settings.rollbacks}, which is no folder",
            hint="create it, or unset GATE_ROLLBACKS to use the folder rollback below the migrations",
        )
    return settings.rollback_folder


def _elsewhere(connection: Connection, ledger: Ledger, folder: Folder) -> list[Problem]:
    """The trap of Dokploy: drizzle.config.ts names one table, the programme that migrates uses another."""
    hashes = [m.hash for m in folder.migrations]
    others = [other for other in other_ledgers(connection, ledger, hashes) if other.rows != 0]
    own = [other for other in others if other.ours]
    if own:
        return [_other_ledger(ledger, own[0])]
    return [] if ledger.exists else [_other_ledger(ledger, other) for other in others[:1]]


def _other_ledger(ledger: Ledger, other: OtherLedger) -> Problem:
    place = f"{ledger.schema_name}.{ledger.table}"
    what = "has no rows" if ledger.exists else "does not exist"
    seen = f"{other.ours} of its {other.rows} rows are of this folder" if other.ours else "it looks like Drizzle's"
    unless = "" if other.ours else f"; if it belongs to another project, create {place} empty, as Drizzle does"
    return Problem(
        kind="other-ledger",
        cause=f"the ledger {place} {what}, but {other.place} does: {seen}; from an empty ledger everything would run"
        " again",
        remedy=f"set GATE_MIGRATIONS_SCHEMA={other.schema_name} and GATE_MIGRATIONS_TABLE={other.table}{unless}",
    )


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
