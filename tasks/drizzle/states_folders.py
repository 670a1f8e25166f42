"""Generation 1: folder names against the ledger's names; a name that is missing there is what Drizzle runs."""

from collections import Counter

from tasks.drizzle import folder_problems as problem
from tasks.drizzle.collation import is_ambiguous
from tasks.drizzle.edited import edited
from tasks.drizzle.folders import STAMP
from tasks.drizzle.states_upgrade import upgrade_states
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, PlannedMigration, Problem, State


def folder_states(
    folder: Folder, ledger: Ledger
) -> tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]:
    """Told apart as facts: Drizzle 11.2 has it, with the sentences for the person who must repair it."""
    place = f"{ledger.schema_name}.{ledger.table}"
    if ledger.exists and not ledger.has_name:
        return upgrade_states(folder, ledger)
    names = {m.name for m in folder.migrations}
    strangers = [row for row in ledger.rows if row.name is not None and row.name not in names]
    by_name: dict[str | None, list[LedgerRow]] = {}
    for row in ledger.rows:
        by_name.setdefault(row.name, []).append(row)
    newest = max((name for name in by_name if name is not None), default="")
    judged = [_judge(m, by_name.get(m.name, []), newest, strangers, place) for m in folder.migrations]
    pending = tuple(m for m, (line, _) in zip(folder.migrations, judged, strict=True) if line.state is State.PENDING)
    renamed = {m.hash for m, (line, _) in zip(folder.migrations, judged, strict=True) if line.state is State.RENAMED}
    unknown = [row for row in strangers if row.hash not in renamed]
    unnamed = [row for row in ledger.rows if row.name is None]
    by_hash = {m.hash: m.tag for m in reversed(folder.migrations)}
    problems = (
        *(problem.unnamed(row, by_hash.get(row.hash), place) for row in unnamed),
        *_twice(ledger, place),
        *(found for _, found in judged if found is not None),
        *(problem.unknown(row, place) for row in unknown),
        *(problem.no_stamp(m, STAMP) for m in pending if m.created_at is None),
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


def _judge(
    migration: Migration, rows: list[LedgerRow], newest: str, strangers: list[LedgerRow], place: str
) -> tuple[PlannedMigration, Problem | None]:
    if any(row.hash == migration.hash for row in rows):
        return PlannedMigration(tag=migration.tag, state=State.APPLIED), None
    if rows:
        return edited(migration, rows[0], place)
    before = next((row for row in strangers if row.hash == migration.hash), None)
    if before is not None:
        found = problem.renamed(migration, before, place)
        return PlannedMigration(tag=migration.tag, state=State.RENAMED, sentence=found.cause), found
    late = f"older than {newest}, which is applied already" if migration.tag < newest else ""
    return PlannedMigration(tag=migration.tag, state=State.PENDING, sentence=late), None


def _twice(ledger: Ledger, place: str) -> list[Problem]:
    names = Counter(row.name for row in ledger.rows if row.name is not None)
    return [problem.duplicate(name, times, place) for name, times in names.items() if times > 1]


def _stranger(row: LedgerRow) -> PlannedMigration:
    return PlannedMigration(
        tag=row.name or f"row {row.id}", state=State.UNKNOWN, sentence=f"row {row.id} of the ledger, no folder here"
    )


def _same_second(pending: tuple[Migration, ...]) -> list[Problem]:
    """Pending folders of one second are ordered by the rest of their names, which a locale may order otherwise."""
    seconds = Counter(m.tag[:STAMP] for m in pending)
    return [problem.ambiguous_order(m) for m in pending if seconds[m.tag[:STAMP]] > 1 and is_ambiguous(m.tag)]
