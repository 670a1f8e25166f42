"""A folder of Drizzle 1.0 on a table of Drizzle 0.x: what the upgrade of the table would find, before it is let in."""

from collections import Counter

from tasks.drizzle.edited import edited
from tasks.drizzle.upgrade import Match, upgrade_matches
from tasks.gate.plan import Folder, Ledger, Migration, PlannedMigration, Problem, State


def upgrade_states(
    folder: Folder, ledger: Ledger
) -> tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]:
    """Applied is what the upgrade would name; the rest is what Drizzle 1.0 would run right after it.

    There is always a problem: the table has to be upgraded first, and never as the side effect of a release.
    """
    place = f"{ledger.schema_name}.{ledger.table}"
    matches = upgrade_matches(folder, ledger)
    named = {match.migration.tag for match in matches if match.migration is not None}
    pending = tuple(m for m in folder.migrations if m.tag not in named)
    newest = max((m.created_at or 0 for m in folder.migrations if m.tag in named), default=0)
    late = {m.tag for m in pending if (m.created_at or 0) <= newest}
    changed = dict(_edited(matches, place))
    lines = [_line(m, changed, pending=m.tag not in named, late=m.tag in late) for m in folder.migrations]
    lines += [
        PlannedMigration(tag=f"row {row.id}", state=State.UNKNOWN, sentence=f"hash {row.hash[:12]}, no folder here")
        for row, migration in matches
        if migration is None
    ]
    problems = (
        *_blocked(matches, place),
        *_twice(matches, place),
        _needed(folder, ledger, place, late),
        *(problem for _, problem in changed.values()),
    )
    return tuple(lines), pending, problems


def _edited(matches: tuple[Match, ...], place: str) -> list[tuple[str, tuple[PlannedMigration, Problem]]]:
    return [
        (migration.tag, edited(migration, row, place))
        for row, migration in matches
        if migration is not None and migration.hash != row.hash
    ]


def _line(
    migration: Migration, changed: dict[str, tuple[PlannedMigration, Problem]], *, pending: bool, late: bool
) -> PlannedMigration:
    if migration.tag in changed:
        return changed[migration.tag][0]
    if not pending:
        return PlannedMigration(tag=migration.tag, state=State.APPLIED)
    sentence = "Drizzle 0.x skipped it; after the upgrade Drizzle 1.0 runs it, after later ones" if late else ""
    return PlannedMigration(tag=migration.tag, state=State.PENDING, sentence=sentence)


def _needed(folder: Folder, ledger: Ledger, place: str, late: set[str]) -> Problem:
    also = f", and then runs what 0.x had skipped: {', '.join(sorted(late))}" if late else ""
    remedy = (
        "`gate repair upgrade --plan` shows the SQL of that upgrade and what is pending afterwards;"
        " `gate repair upgrade` runs it"
    )
    return Problem(
        kind="upgrade",
        cause=f"{place} has the shape of Drizzle 0.x (no column name), but {folder.path} is of Drizzle 1.0",
        drizzle=f"1.0 upgrades the table as soon as it is started{also}",
        remedy=remedy if ledger.rows else f"drop {place}, which is empty: it is made anew as Drizzle 1.0 has it",
    )


def _blocked(matches: tuple[Match, ...], place: str) -> list[Problem]:
    return [
        Problem(
            kind="upgrade-blocked",
            cause=f"row {row.id} of {place} (hash {row.hash[:12]}, created_at {row.created_at}) belongs to no folder"
            " here, neither by its second nor by its hash",
            drizzle="refuses to upgrade the table, exits 1, and changes nothing",
            remedy="release from a commit that has that migration; if the row was made by hand,"
            f" `gate repair forget {row.id}`",
        )
        for row, migration in matches
        if migration is None
    ]


def _twice(matches: tuple[Match, ...], place: str) -> list[Problem]:
    names = Counter(migration.tag for _, migration in matches if migration is not None)
    return [
        Problem(
            kind="upgrade-ambiguous",
            tag=tag,
            cause=f"{times} rows of {place} would all be named {tag}: they share its second or its text",
            drizzle="gives them one name, and runs the folders that are left without a row again",
            remedy="`gate repair` lists which rows to `forget`; or give each folder a second and a text of its own",
        )
        for tag, times in names.items()
        if times > 1
    ]
