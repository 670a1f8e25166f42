"""Reads the SQL of a plan with PostgreSQL's parser: what refuses the release, and what somebody should know."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from tasks.gate import sql
from tasks.gate.acting_role import role_left, roles_across_cuts
from tasks.gate.effect import Effect
from tasks.gate.plan import Migration, Problem, Rollback
from tasks.gate.refusals import refusals
from tasks.gate.running_transaction import places
from tasks.gate.segment import Segment
from tasks.gate.segments import segments, split_sentences
from tasks.gate.statements import effects, sentences


class Reading(NamedTuple):
    """What the SQL of a plan says of itself."""

    problems: tuple[Problem, ...]  # refuse the release
    effects: tuple[Effect, ...]  # of each statement, in the order of execution
    texts: tuple[str, ...]  # of the same statements
    notes: tuple[str, ...]  # hazards that no single statement has
    segments: tuple[Segment, ...]  # none when one transaction holds it all

    @property
    def hazards(self) -> tuple[str, ...]:
        """Sentences for the approver."""
        return (*sentences(self.effects), *self.notes)


def read_migrations(pending: Sequence[Migration], major: int, domains: Collection[str] | None = None) -> Reading:
    """What the pending migrations do, in which segments, and what refuses them.

    Args:
        pending: in the order of execution.
        major: production's major version.
        domains: names of production's domains; None when nobody has asked.
    """
    problems: list[Problem] = []
    found: list[tuple[Migration, tuple[sql.ParsedStatement, ...]]] = []
    unreadable: dict[str, tuple[sql.Unreadable, ...]] = {}
    for migration in pending:
        parsed, unreadable[migration.tag] = sql.read(migration.file, migration.statements)
        found.append((migration, parsed))
    outside = {place for place, one in places(found).items() if one.outside}
    for migration, parsed in found:
        here = {number for tag, number in outside if tag == migration.tag}
        problems += refusals(
            migration.tag, parsed, unreadable[migration.tag], major, one_transaction=False, outside=here
        )
    flat = [(migration.tag, statement) for migration, statements in found for statement in statements]
    cut = () if problems else segments(found, major)
    problems += roles_across_cuts(cut)
    return Reading(
        problems=tuple(problems),
        effects=effects(flat, major, None if domains is None else frozenset(domains)),
        texts=tuple(statement.text for _, statement in flat),
        notes=(*split_sentences(found, major), *_roles_left(found)),
        segments=() if problems else cut,
    )


def _roles_left(found: Sequence[tuple[Migration, Sequence[sql.ParsedStatement]]]) -> Iterator[str]:
    for migration, statements in found:
        if left := role_left(statements):
            yield (
                f"{migration.file}: ends with {left} in force: its row in the ledger and every later migration of this"
                " run are that role's; run on another day, the later ones would not be"
            )


def read_segments(migrations: Sequence[Migration], major: int) -> tuple[Segment, ...]:
    """Only the segments, for migrations that were judged before; none where a piece cannot be read."""
    read = [(migration, sql.read(migration.file, migration.statements)) for migration in migrations]
    if any(unreadable for _, (_, unreadable) in read):
        return ()
    return segments([(migration, found) for migration, (found, _) in read], major)


def read_rollbacks(rollbacks: Sequence[Rollback], major: int) -> tuple[Problem, ...]:
    """Problems of the rollback files, by the same rules: they run in one transaction, too."""
    problems: list[Problem] = []
    for rollback in rollbacks:
        parsed, unreadable = sql.read(rollback.file, [rollback.text])
        problems += refusals(rollback.tag, parsed, unreadable, major, one_transaction=True)
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
