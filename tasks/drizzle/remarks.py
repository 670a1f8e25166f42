"""What an approver should know of the order in which Drizzle runs the pending migrations."""

from collections.abc import Sequence

from tasks.gate.plan import Migration, PlannedMigration, State


def remarks(lines: Sequence[PlannedMigration], pending: Sequence[Migration]) -> tuple[str, ...]:
    """Sentences about pending migrations that are older than others, in the journal or in the ledger."""
    return (*_order(pending), *_late(lines))


def _order(pending: Sequence[Migration]) -> list[str]:
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


def _late(lines: Sequence[PlannedMigration]) -> list[str]:
    """What Drizzle 1.0 runs after younger ones: a branch that was merged late, or something that 0.x skipped."""
    return [f"{line.tag} is {line.sentence}" for line in lines if line.state is State.PENDING and line.sentence]
