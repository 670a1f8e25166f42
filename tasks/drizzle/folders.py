"""Generation 1: one folder per migration, whose name begins with fourteen digits of UTC time."""

import os
from contextlib import suppress
from pathlib import Path

from tasks.drizzle.branches import open_branches
from tasks.drizzle.collation import locale_key
from tasks.drizzle.text import migration
from tasks.gate.plan import Folder
from tasks.migration_files import exists, names, read_bytes

MIGRATION = "migration.sql"
STAMP = 14  # digits: YYYYMMDDHHMMSS
TWO_DIGIT_YEARS = 100  # Date.UTC reads the years 0 to 99 as 1900 to 1999


def migration_names(folder: Path) -> list[str]:
    """The folders that Drizzle takes for migrations, in its order."""
    plain = _plain_files(folder)  # thousands of them in a folder of generation 0
    found = (name for name in names(folder) if name not in plain and exists(folder, f"{name}/{MIGRATION}"))
    return sorted(found, key=locale_key)


def _plain_files(folder: Path) -> set[str]:
    """Names of what can hold no `migration.sql`, from the listing alone."""
    with suppress(OSError), os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    return set()


def read_folders(folder: Path, found: list[str]) -> Folder:
    """The folder as Drizzle 1.0 reads it: everything with a `migration.sql`, the rest ignored.

    Args:
        folder: the migrations folder.
        found: as `migration_names` gave them.

    Raises:
        Refused: a file cannot be read, or leads outside.
    """
    listed = set(found)
    return Folder(
        tool="drizzle",
        generation=1,
        path=str(folder),
        migrations=tuple(
            migration(
                read_bytes(folder, f"{name}/{MIGRATION}"),
                tag=name,
                file=f"{name}/{MIGRATION}",
                created_at=stamp_milliseconds(name),
                name=name,
            )
            for name in found
        ),
        orphans=tuple(sorted(n for n in names(folder) if n not in listed and _looks_like_one(n))),
        notes=open_branches(folder, found),
    )


def stamp_milliseconds(name: str) -> int | None:
    """The first fourteen digits as milliseconds since 1970; None when there are no fourteen digits.

    `Date.UTC` overflows, it does not validate: 20260808006000 is one o'clock, and such folders exist.
    """
    digits = name[:STAMP]
    if len(digits) < STAMP or not digits.isascii() or not digits.isdigit():
        return None
    year, month = int(digits[:4]), int(digits[4:6]) - 1
    if year < TWO_DIGIT_YEARS:
        year += 1900
    days = _days(year + month // 12, month % 12 + 1) + int(digits[6:8]) - 1
    hours, minutes, seconds = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000


def _days(year: int, month: int) -> int:
    """Days from 1970 to the first of a month; the datetime module ends in 9999, an overflowing month may not."""
    year -= month <= 2  # noqa: PLR2004  (the count of leap days runs from March)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5  # noqa: PLR2004
    return year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719468


def _looks_like_one(name: str) -> bool:
    return name[:STAMP].isdigit() and name[:STAMP].isascii() and len(name) > STAMP
