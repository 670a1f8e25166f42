"""Generation 0: the journal's times against the ledger's, whose newest row is Drizzle's high-water mark."""

from collections import Counter
from datetime import UTC, datetime

from tasks.drizzle.edited import edited
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, PlannedMigration, Problem, State

DAY_MS = 24 * 60 * 60 * 1000  # a developer's clock may be off by less than that


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
        self.moved = {row.hash: row for row in ledger.rows if row.created_at not in self.hashes}
        self.newest = max((row.created_at for row in ledger.rows if row.created_at is not None), default=None)

    def belongs(self, row: LedgerRow) -> bool:
        """True when an entry has this row's time, or its content under another one."""
        return row.created_at in self.hashes or any(row.hash in found for found in self.hashes.values())


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
        *(problem for _, problem in judged if problem is not None),
        *(_unknown(row, seen.place) for row in strangers if row.created_at is not None),
        *(problem for m in pending if (problem := _stamp(m, now_ms)) is not None),
    )
    lines = [*(line for line, _ in judged), *(_stranger(row) for row in strangers)]
    return tuple(lines), pending, problems


def _judge(migration: Migration, seen: _Seen) -> tuple[PlannedMigration, Problem | None]:
    when = migration.created_at
    rows = seen.rows.get(when, []) if when is not None else []
    if any(row.hash == migration.hash for row in rows):
        return PlannedMigration(tag=migration.tag, state=State.APPLIED), None
    own = [row for row in rows if row.hash not in seen.hashes[when]]
    if own:
        return edited(migration, own[0], seen.place)
    moved = seen.moved.get(migration.hash)
    behind = seen.newest is not None and when is not None and when <= seen.newest
    if moved is not None and moved.created_at is None:
        sentence = f"row {moved.id} has its hash, but no created_at"
        return PlannedMigration(tag=migration.tag, state=State.POISON, sentence=sentence), None
    if moved is not None:
        return _restamped(migration, moved, seen.place, behind=behind)
    if behind:
        return _skipped(migration, seen.newest or 0, seen.place)
    return PlannedMigration(tag=migration.tag, state=State.PENDING), None


def _restamped(migration: Migration, row: LedgerRow, place: str, *, behind: bool) -> tuple[PlannedMigration, Problem]:
    then = "would never run it" if behind else "would run it again"
    cause = (
        f"{migration.tag} ran under another time: row {row.id} of {place} has {row.created_at}, the journal has"
        f" {migration.created_at}; Drizzle {then}"
    )
    remedy = f'set "when" of {migration.tag} in the journal to {row.created_at}, as it was when it ran'
    line = PlannedMigration(tag=migration.tag, state=State.RESTAMPED, sentence=cause)
    return line, Problem(kind=State.RESTAMPED, tag=migration.tag, cause=cause, remedy=remedy)


def _skipped(migration: Migration, newest: int, place: str) -> tuple[PlannedMigration, Problem]:
    cause = (
        f"Drizzle would never run {migration.tag}: its time {migration.created_at} is not after the newest applied one"
        f" ({newest} in {place}), and drizzle-kit would report success"
    )
    remedy = (
        f"generate it anew so that it comes last; or, if it must keep its place, run {migration.file} by hand and then"
        f" insert its row into {place}: hash {migration.hash}, created_at {migration.created_at}"
    )
    line = PlannedMigration(tag=migration.tag, state=State.SKIPPED, sentence=cause)
    return line, Problem(kind=State.SKIPPED, tag=migration.tag, cause=cause, remedy=remedy)


def _poison(ledger: Ledger, place: str, now_ms: int) -> list[Problem]:
    problems = [
        Problem(
            kind=State.POISON,
            cause=f"row {row.id} of {place} has no created_at, with which Drizzle would run every migration again",
            remedy=f"set created_at of row {row.id} to the journal's time of that migration, or delete the row",
        )
        for row in ledger.rows
        if row.created_at is None
    ]
    problems += [
        Problem(
            kind=State.POISON,
            cause=f"{place} holds {times} rows with hash {hash_[:12]} and created_at {created_at}: that migration ran"
            f" {times} times, probably by two migrators at once",
            remedy="find out whether its statements took effect twice, repair that, then delete all rows but the first",
        )
        for (hash_, created_at), times in Counter((r.hash, r.created_at) for r in ledger.rows).items()
        if times > 1 and created_at is not None
    ]
    problems += [
        Problem(
            kind=State.POISON,
            cause=f"row {row.id} of {place} is dated {_moment(row.created_at)}, in the future: until then Drizzle"
            " would skip every new migration and report success",
            remedy="set created_at of that row, and the journal's time of that migration if it has one, to when it ran",
        )
        for row in ledger.rows
        if row.created_at is not None and row.created_at > now_ms + DAY_MS
    ]
    return problems


def _unknown(row: LedgerRow, place: str) -> Problem:
    return Problem(
        kind=State.UNKNOWN,
        cause=f"row {row.id} of {place} (hash {row.hash[:12]}, {_moment(row.created_at)}) belongs to no file of this"
        " folder",
        remedy="release from a commit that has that migration; if the row was made by hand, delete it",
    )


def _stranger(row: LedgerRow) -> PlannedMigration:
    state = State.POISON if row.created_at is None else State.UNKNOWN
    return PlannedMigration(tag=f"row {row.id}", state=state, sentence=f"hash {row.hash[:12]}, no file of this folder")


def _stamp(migration: Migration, now_ms: int) -> Problem | None:
    if migration.created_at is None:
        return Problem(
            kind="stamp",
            tag=migration.tag,
            cause=f'the journal\'s "when" of {migration.tag} is not a whole number of milliseconds',
            remedy="restore the number that drizzle-kit generated",
        )
    if migration.created_at > now_ms + DAY_MS:
        return Problem(
            kind="stamp",
            tag=migration.tag,
            cause=f"{migration.tag} is dated {_moment(migration.created_at)}, in the future: once it is applied,"
            " Drizzle would skip every migration generated before then",
            remedy=f'set "when" of {migration.tag} to a time after the entry before it, but not after now',
        )
    return None


def _moment(milliseconds: int | None) -> str:
    try:
        return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms after 1970"
