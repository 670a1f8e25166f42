"""What refuses a release from a journal, each with its name, its cause, what Drizzle would do, and what to type."""

from datetime import UTC, datetime

from tasks.gate.plan import LedgerRow, Migration, Problem

SILENT = "exits 0 and prints `migrations applied successfully!`"


def restamped(migration: Migration, row: LedgerRow, place: str, *, behind: bool) -> Problem:
    """It ran under another time than the journal has now."""
    return Problem(
        kind="restamped",
        tag=migration.tag,
        cause=f"{migration.tag} ran under another time: row {row.id} of {place} has {row.created_at}, the journal has"
        f" {migration.created_at}",
        drizzle=f"never compares the two, {SILENT}" if behind else "runs it a second time",
        remedy=f'set "when" of {migration.tag} in the journal to {row.created_at}, as it was when it ran; or'
        f" `gate repair restamp {migration.tag}`, which gives the row the journal's time",
    )


def skipped(migration: Migration, newest: int, place: str) -> Problem:
    """Its time is not after the newest row, and it has no row of its own."""
    return Problem(
        kind="skipped",
        tag=migration.tag,
        cause=f"{migration.tag} has no row in {place}, and its time {migration.created_at} is not after the newest"
        f" applied one ({newest})",
        drizzle=f"skips it, now and for ever, {SILENT}",
        remedy=f"generate it anew so that it comes last; or `gate repair run {migration.tag}`, which runs it now and"
        f" writes its own row; or `gate repair mark {migration.tag}`, when production has its effect already",
    )


def no_time(row: LedgerRow, place: str) -> Problem:
    """A row without created_at sorts first in Drizzle's query."""
    return Problem(
        kind="no-time",
        cause=f"row {row.id} of {place} has no created_at",
        drizzle="takes it for the newest row, of the year 1970, and runs every migration of the folder again",
        remedy=f"`gate repair` lists what is safe: `restamp TAG` gives row {row.id} the time of its migration in the"
        f" journal, `forget {row.id}` removes it when it belongs to none",
    )


def duplicate(hash_: str, created_at: int | None, times: int, place: str) -> Problem:
    """One migration, several rows."""
    return Problem(
        kind="duplicate",
        cause=f"{place} holds {times} rows with hash {hash_[:12]} and created_at {created_at}: that migration ran"
        f" {times} times, probably by two migrators at once",
        drizzle=f"notices nothing, {SILENT}",
        remedy="find out whether its statements took effect twice and put that right; then `gate repair` lists which"
        " rows to `forget`",
    )


def future_row(row: LedgerRow, place: str) -> Problem:
    """The high-water mark lies ahead of the clock."""
    return Problem(
        kind="future-row",
        cause=f"row {row.id} of {place} is dated {moment(row.created_at)}, in the future",
        drizzle=f"skips every migration that is generated until then, {SILENT}",
        remedy="set the journal's time of that migration to when it ran, then `gate repair restamp TAG`; a row of no"
        f" migration: `gate repair forget {row.id}`",
    )


def unknown(row: LedgerRow, place: str, *, newest: bool) -> Problem:
    """A row of no entry; as the newest one it decides what Drizzle skips."""
    return Problem(
        kind="foreign-row" if newest else "unknown",
        cause=f"row {row.id} of {place} (hash {row.hash[:12]}, {moment(row.created_at)}) belongs to no file of this"
        f" folder{', and it is the newest row' if newest else ''}",
        drizzle=f"takes its time for the newest one, skips every migration that is older, {SILENT}"
        if newest
        else "ignores it",
        remedy="release from a commit that has that migration; if the row was made by hand,"
        f" `gate repair forget {row.id}`",
    )


def stamp(migration: Migration, now_ms: int, tolerance_ms: int) -> Problem | None:
    """A pending entry whose time cannot be written, or would poison the ledger."""
    if migration.created_at is None:
        return Problem(
            kind="stamp",
            tag=migration.tag,
            cause=f'the journal\'s "when" of {migration.tag} is not a whole number of milliseconds',
            drizzle="runs it and fails at its row, or writes a row without a time, with which it runs everything again",
            remedy="restore the number that drizzle-kit generated",
        )
    if migration.created_at > now_ms + tolerance_ms:
        return Problem(
            kind="future-entry",
            tag=migration.tag,
            cause=f"{migration.tag} is dated {moment(migration.created_at)}, in the future",
            drizzle="applies it, and from then on skips every migration that is generated before that time",
            remedy=f'set "when" of {migration.tag} to a time after the entry before it, but not after now',
        )
    return None


def moment(milliseconds: int | None) -> str:
    """A time for people."""
    try:
        return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms after 1970"
