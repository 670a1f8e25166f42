"""Generation 1: folder names against the ledger's names; a name that is missing there is what Drizzle runs."""

from collections import Counter

from tasks.drizzle.collation import is_ambiguous
from tasks.drizzle.edited import edited
from tasks.drizzle.folders import STAMP
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, PlannedMigration, Problem, State


def folder_states(
    folder: Folder, ledger: Ledger
) -> tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]:
    """Told apart as facts: Drizzle 11.2 has it, with the sentences for the person who must repair it."""
    place = f"{ledger.schema_name}.{ledger.table}"
    if not ledger.has_name and ledger.rows:
        return _before_upgrade(folder, ledger)
    names = {m.name for m in folder.migrations}
    strangers = [row for row in ledger.rows if row.name is not None and row.name not in names]
    judged = [_judge(m, ledger, strangers, place) for m in folder.migrations]
    pending = tuple(m for m, (line, _) in zip(folder.migrations, judged, strict=True) if line.state is State.PENDING)
    renamed = {m.hash for m, (line, _) in zip(folder.migrations, judged, strict=True) if line.state is State.RENAMED}
    unknown = [row for row in strangers if row.hash not in renamed]
    unnamed = [row for row in ledger.rows if row.name is None]
    problems = (
        *(_unnamed(row, folder, place) for row in unnamed),
        *_twice(ledger, place),
        *(problem for _, problem in judged if problem is not None),
        *(_unknown(row, place) for row in unknown),
        *(_no_stamp(m) for m in pending if m.created_at is None),
        *_same_second(pending),
    )
    lines = [
        *(line for line, _ in judged),
        *(
            PlannedMigration(tag=f"row {row.id}", state=State.UNNAMED, sentence="a row without a name")
            for row in unnamed
        ),
        *(_stranger(row) for row in unknown),
    ]
    return tuple(lines), pending, problems


def _before_upgrade(
    folder: Folder, ledger: Ledger
) -> tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]:
    """What Drizzle's own upgrade of the table would match: the second of the time, else the hash (facts: 4.2)."""
    seconds = {row.created_at // 1000 * 1000 for row in ledger.rows if row.created_at is not None}
    hashes = {row.hash for row in ledger.rows}
    applied = {m.tag for m in folder.migrations if m.created_at in seconds or m.hash in hashes}
    lines = tuple(
        PlannedMigration(tag=m.tag, state=State.APPLIED if m.tag in applied else State.PENDING)
        for m in folder.migrations
    )
    return lines, tuple(m for m in folder.migrations if m.tag not in applied), ()


def _judge(
    migration: Migration, ledger: Ledger, strangers: list[LedgerRow], place: str
) -> tuple[PlannedMigration, Problem | None]:
    rows = [row for row in ledger.rows if row.name == migration.name]
    if any(row.hash == migration.hash for row in rows):
        return PlannedMigration(tag=migration.tag, state=State.APPLIED), None
    if rows:
        return edited(migration, rows[0], place)
    before = next((row for row in strangers if row.hash == migration.hash), None)
    if before is not None:
        return _renamed(migration, before, place)
    newest = max((row.name for row in ledger.rows if row.name is not None), default="")
    late = f"older than {newest}, which is applied already" if migration.tag < newest else ""
    return PlannedMigration(tag=migration.tag, state=State.PENDING, sentence=late), None


def _renamed(migration: Migration, row: LedgerRow, place: str) -> tuple[PlannedMigration, Problem]:
    cause = (
        f"{migration.tag} has the content that ran as {row.name} (row {row.id} of {place}):"
        " the folder was renamed, and Drizzle would run it again"
    )
    remedy = f"rename the folder back to {row.name}; if it is meant to run a second time, change its text"
    line = PlannedMigration(tag=migration.tag, state=State.RENAMED, sentence=cause)
    return line, Problem(kind=State.RENAMED, tag=migration.tag, cause=cause, remedy=remedy)


def _unnamed(row: LedgerRow, folder: Folder, place: str) -> Problem:
    same = next((m.tag for m in folder.migrations if m.hash == row.hash), None)
    what = f"the row of {same} by its hash" if same else f"hash {row.hash[:12]}"
    remedy = "stop migrating this database with Drizzle 0.x; "
    remedy += f"set name of row {row.id} to '{same}'" if same else f"find out what row {row.id} is and give it its name"
    return Problem(
        kind=State.UNNAMED,
        tag=same,
        cause=f"row {row.id} of {place} has no name ({what}): Drizzle 0.x wrote it into an upgraded table, and Drizzle"
        " 1.0 would run that migration again",
        remedy=remedy,
    )


def _twice(ledger: Ledger, place: str) -> list[Problem]:
    return [
        Problem(
            kind=State.POISON,
            tag=name,
            cause=f"{place} holds {times} rows named {name}: it ran {times} times, probably by two migrators at once",
            remedy="find out whether its statements took effect twice, repair that, then delete all rows but the first",
        )
        for name, times in Counter(row.name for row in ledger.rows if row.name is not None).items()
        if times > 1
    ]


def _unknown(row: LedgerRow, place: str) -> Problem:
    return Problem(
        kind=State.UNKNOWN,
        tag=row.name,
        cause=f"row {row.id} of {place}, {row.name}, belongs to no folder here",
        remedy="release from a commit that has that migration; if the row was made by hand, delete it",
    )


def _stranger(row: LedgerRow) -> PlannedMigration:
    return PlannedMigration(
        tag=row.name or f"row {row.id}", state=State.UNKNOWN, sentence=f"row {row.id} of the ledger, no folder here"
    )


def _no_stamp(migration: Migration) -> Problem:
    return Problem(
        kind="stamp",
        tag=migration.tag,
        cause=f"the folder {migration.tag} does not begin with {STAMP} digits of time, so its"
        " time in the ledger would be wrong or missing",
        remedy="name it YYYYMMDDHHMMSS_name, as drizzle-kit does",
    )


def _same_second(pending: tuple[Migration, ...]) -> list[Problem]:
    """Pending folders of one second are ordered by the rest of their names, which a locale may order otherwise."""
    seconds = Counter(m.tag[:STAMP] for m in pending)
    return [
        Problem(
            kind="order",
            tag=m.tag,
            cause=f"{m.tag} shares its second with another pending folder, and the place of its name depends on the"
            " locale of the machine that runs Drizzle",
            remedy="give it a second of its own",
        )
        for m in pending
        if seconds[m.tag[:STAMP]] > 1 and is_ambiguous(m.tag)
    ]
