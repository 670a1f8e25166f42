"""Generation 0: the journal's times against the ledger's, whose newest row is Drizzle's high-water mark."""

from collections import Counter

from tasks.drizzle import journal_problems as problem
from tasks.drizzle.edited import edited
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, PlannedMigration, Problem, State

DAY_MS = 24 * 60 * 60 * 1000  # a developer's clock may be off by less than that

Judged = tuple[PlannedMigration, Problem | None]


class _Seen:
    """Folder and ledger, looked up by time and by hash."""

    def __init__(self, folder: Folder, ledger: Ledger) -> None:
        self.place = f"{ledger.schema_name}.{ledger.table}"
        self.rows: dict[int | None, list[LedgerRow]] = {}
        self.hashes: dict[int | None, set[str]] = {}  # of the entries of one time
        for row in ledger.rows:
            self.rows.setdefault(row.created_at, []).append(row)
        for migration in folder.migrations:
            self.hashes.setdefault(migration.created_at, set()).add(migration.hash)
        self.known = {m.hash for m in folder.migrations}
        self.moved = {row.hash: row for row in ledger.rows if row.created_at not in self.hashes}
        self.loose = {row.hash: row for row in ledger.rows if row.hash not in self.hashes.get(row.created_at, ())}
        self.newest = max((row.created_at for row in ledger.rows if row.created_at is not None), default=None)

    def belongs(self, row: LedgerRow) -> bool:
        """True when an entry has this row's time, or its content under another one."""
        return row.created_at in self.hashes or row.hash in self.known


def journal_states(
    folder: Folder, ledger: Ledger, now_ms: int
) -> tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]:
    """Told apart as facts: Drizzle 11.2 has it, with the sentences for the person who must repair it."""
    seen = _Seen(folder, ledger)
    judged = [_judge(m, seen) for m in folder.migrations]
    pending = tuple(m for m, (line, _) in zip(folder.migrations, judged, strict=True) if line.state is State.PENDING)
    strangers = [row for row in ledger.rows if not seen.belongs(row)]
    problems = (
        *_poison(ledger, seen.place, now_ms),
        *(found for _, found in judged if found is not None),
        *(
            problem.unknown(row, seen.place, newest=row.created_at == seen.newest)
            for row in strangers
            if row.created_at is not None
        ),
        *(found for m in pending if (found := problem.stamp(m, now_ms, DAY_MS)) is not None),
    )
    lines = [*(line for line, _ in judged), *(_stranger(row) for row in strangers)]
    return tuple(lines), pending, problems


def _judge(migration: Migration, seen: _Seen) -> Judged:
    when = migration.created_at
    rows = seen.rows.get(when, []) if when is not None else []
    if any(row.hash == migration.hash for row in rows):
        return PlannedMigration(tag=migration.tag, state=State.APPLIED), None
    behind = seen.newest is not None and when is not None and when <= seen.newest
    own = [row for row in rows if row.hash not in seen.hashes[when]]
    if own and own[0].hash in seen.known and migration.hash in seen.loose:  # two entries exchanged their times
        row = seen.loose[migration.hash]
        return _refused(State.RESTAMPED, migration, problem.restamped(migration, row, seen.place, behind=behind))
    if own:
        return edited(migration, own[0], seen.place)
    moved = seen.moved.get(migration.hash)
    if moved is not None and moved.created_at is None:
        sentence = f"row {moved.id} has its hash, but no created_at"
        return PlannedMigration(tag=migration.tag, state=State.POISON, sentence=sentence), None
    if moved is not None:
        return _refused(State.RESTAMPED, migration, problem.restamped(migration, moved, seen.place, behind=behind))
    if behind:
        return _refused(State.SKIPPED, migration, problem.skipped(migration, seen.newest or 0, seen.place))
    return PlannedMigration(tag=migration.tag, state=State.PENDING), None


def _refused(state: State, migration: Migration, found: Problem) -> Judged:
    return PlannedMigration(tag=migration.tag, state=state, sentence=found.cause), found


def _poison(ledger: Ledger, place: str, now_ms: int) -> list[Problem]:
    twice = Counter((row.hash, row.created_at) for row in ledger.rows if row.created_at is not None)
    return [
        *(problem.no_time(row, place) for row in ledger.rows if row.created_at is None),
        *(problem.duplicate(*row, times, place) for row, times in twice.items() if times > 1),
        *(
            problem.future_row(row, place)
            for row in ledger.rows
            if row.created_at is not None and row.created_at > now_ms + DAY_MS
        ),
    ]


def _stranger(row: LedgerRow) -> PlannedMigration:
    state = State.POISON if row.created_at is None else State.UNKNOWN
    return PlannedMigration(tag=f"row {row.id}", state=state, sentence=f"hash {row.hash[:12]}, no file of this folder")
