"""What Drizzle 1.0 makes of a table of Drizzle 0.x: which row it takes for which folder (facts: Drizzle 4.2)."""

from typing import NamedTuple

from tasks.drizzle.collation import locale_key
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration

COLUMNS = ("name", "applied_at")  # what the upgrade adds


class Match(NamedTuple):
    """One row of the table, and the folder that the upgrade would name it after; None where it would refuse."""

    row: LedgerRow
    migration: Migration | None


def upgrade_matches(folder: Folder, ledger: Ledger) -> tuple[Match, ...]:
    """Every row in id order with its folder, by Drizzle's own rule: the second of its time, else the hash.

    The hash is only looked at where several folders share that second, or none has it: an edited file matches, and two
    rows of one second and one text both match the first folder.
    """
    ordered = sorted(folder.migrations, key=lambda m: (m.created_at or 0, locale_key(m.name or "")))
    by_second: dict[int | None, list[Migration]] = {}
    for migration in ordered:
        by_second.setdefault(migration.created_at, []).append(migration)
    by_hash = {m.hash: m for m in ordered}  # the last one wins, as there
    return tuple(Match(row, _match(row, by_second, by_hash)) for row in ledger.rows)


def _match(
    row: LedgerRow, by_second: dict[int | None, list[Migration]], by_hash: dict[str, Migration]
) -> Migration | None:
    there = by_second.get(_second(row.created_at), [])
    if len(there) == 1:
        return there[0]
    if there:
        return next((m for m in there if m.hash == row.hash), None)
    return by_hash.get(row.hash)


def _second(created_at: int | None) -> int:
    """Its last three digits become zeros, as text; no time at all matches no folder."""
    return int(f"{str(created_at)[:-3]}000") if created_at is not None else -1
