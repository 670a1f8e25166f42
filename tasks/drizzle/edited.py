"""An applied migration whose file is another one now: in both generations the same sentence."""

from tasks.drizzle.text import other_line_endings
from tasks.gate.plan import LedgerRow, Migration, PlannedMigration, Problem, State


def edited(migration: Migration, row: LedgerRow, place: str) -> tuple[PlannedMigration, Problem]:
    """The line of the plan and the problem: what ran is not what the file says; line endings are named as such."""
    if row.hash in other_line_endings(migration):
        kind = "line-endings"
        cause = f"{migration.file} is the text that ran, but with other line endings (its hash in {place} differs)"
        remedy = "check it out with the line endings it had: `*.sql text eol=lf` in .gitattributes, or eol=crlf"
    else:
        kind = "edited"
        cause = (
            f"{migration.file} was edited after it ran: row {row.id} of {place} has hash {row.hash[:12]},"
            f" the file has {migration.hash[:12]}"
        )
        remedy = (
            "restore the file as it ran, and put the change into a new migration; or, when production has the change"
            f" already, `gate repair mark {migration.tag}`"
        )
    line = PlannedMigration(tag=migration.tag, state=State.EDITED, sentence=cause)
    drizzle = "never compares a hash: nothing of the edit reaches this database, and it exits 0"
    return line, Problem(kind=kind, tag=migration.tag, cause=cause, drizzle=drizzle, remedy=remedy)
