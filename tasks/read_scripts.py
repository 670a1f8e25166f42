"""Reads the SQL of a plan with PostgreSQL's parser: what refuses the release, and what somebody should know."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from tasks.gate import sql
from tasks.gate.effect import Effect
from tasks.gate.new_values import new_value_problems
from tasks.gate.plan import Migration, Problem, Rollback
from tasks.gate.refusals import refusals
from tasks.gate.statements import effects, sentences


class Reading(NamedTuple):
    """What the SQL of a plan says of itself."""

    problems: tuple[Problem, ...]  # refuse the release
    effects: tuple[Effect, ...]  # of each statement, in the order of execution
    texts: tuple[str, ...]  # of the same statements
    notes: tuple[str, ...]  # hazards that no single statement has

    @property
    def hazards(self) -> tuple[str, ...]:
        """Sentences for the approver."""
        return (*sentences(self.effects), *self.notes)


def read_migrations(pending: Sequence[Migration], major: int, domains: Collection[str] | None = None) -> Reading:
    """What the pending migrations do, and what refuses them.

    Args:
        pending: in the order of execution.
        major: production's major version.
        domains: names of production's domains; None when nobody has asked.
    """
    problems: list[Problem] = []
    found: list[tuple[str, sql.ParsedStatement]] = []
    for migration in pending:
        parsed, unreadable = sql.read(migration.file, migration.statements)
        problems += refusals(migration.tag, parsed, unreadable, major)
        found += [(migration.tag, statement) for statement in parsed]
    enum_problems, enum_hazards = new_value_problems(found, major)
    does = effects(found, major, None if domains is None else frozenset(domains))
    return Reading((*problems, *enum_problems), does, tuple(s.text for _, s in found), enum_hazards)


def read_rollbacks(rollbacks: Sequence[Rollback], major: int) -> tuple[Problem, ...]:
    """Problems of the rollback files, by the same rules: they run in one transaction, too."""
    problems: list[Problem] = []
    for rollback in rollbacks:
        parsed, unreadable = sql.read(rollback.file, [rollback.text])
        problems += refusals(rollback.tag, parsed, unreadable, major)
        if not parsed and not unreadable:
            problems.append(
                Problem(
                    tag=rollback.tag,
                    kind="rollback",
                    cause=f"{rollback.file} has no statement",
                    remedy="write what undoes the migration, or remove the file",
                )
            )
    return tuple(problems)
