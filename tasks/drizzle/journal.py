"""Generation 0: `meta/_journal.json` names the files, their order and their times."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tasks.drizzle.text import migration
from tasks.gate.errors import Refused
from tasks.gate.plan import Folder, Migration
from tasks.migration_files import Missing, names, read_bytes

JOURNAL = "meta/_journal.json"
DIALECTS = ("postgresql", "pg")  # "pg" in journals of old versions
LARGEST_INTEGER = 2**53 - 1  # JavaScript rounds what is larger
BOM = "\ufeff"
RESTORE = "restore it from version control"
BARE = "save it as UTF-8 without"
FAILS = "fails before it touches the database; drizzle-kit 0.x exits 1 without a word"


def read_journal_folder(folder: Path, *, beside: Sequence[str] = ()) -> Folder:
    """The folder as its journal has it; an empty list of entries is legal and means that there is nothing to do.

    Args:
        folder: with a journal.
        beside: files of another tool's in folders of their own, which Drizzle ignores.

    Raises:
        Refused: Drizzle could not read it, or would read it as something else than it looks like.
    """
    entries = _entries(folder)
    found = tuple(_migration(folder, entry, number) for number, entry in enumerate(entries))
    _refuse_duplicates(folder, found)
    listed = {m.file for m in found}
    orphans = sorted(name for name in names(folder) if name.endswith(".sql") and name not in listed)
    others = (*orphans, *beside)
    return Folder(tool="drizzle", generation=0, path=str(folder), migrations=found, orphans=others)


def _entries(folder: Path) -> list[Any]:
    text = read_bytes(folder, JOURNAL).decode("utf-8", "replace")
    if text.startswith(BOM):
        _refuse(folder, "journal-bom", "starts with a byte order mark, with which Drizzle cannot read it", BARE)
    if not text.strip():
        _refuse(folder, "journal-empty", "is empty", f"{RESTORE}; `drizzle-kit generate` writes it")
    try:
        journal = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        cause = f"is not valid JSON: {_json_cause(error)}"
        _refuse(folder, "journal-json", cause, "restore it; a merge conflict leaves <<<<<<< in it")
    if not isinstance(journal, dict) or not isinstance(journal.get("entries"), list):
        _refuse(folder, "journal-entries", 'has no list "entries"', RESTORE)
    dialect = journal.get("dialect", DIALECTS[0])
    if dialect not in DIALECTS:
        cause = f"is for {dialect}, not for PostgreSQL"
        drizzle = "never looks at the dialect, and sends these files to PostgreSQL"
        _refuse(folder, "journal-dialect", cause, "set GATE_MIGRATIONS to the folder of this database", drizzle)
    entries: list[Any] = journal["entries"]
    return entries


def _migration(folder: Path, entry: Any, number: int) -> Migration:
    tag = entry.get("tag") if isinstance(entry, dict) else None
    if not isinstance(tag, str) or not tag or not _encodable(tag):
        _refuse(folder, "journal-tag", f"has no usable tag in entry {number}", RESTORE)
    if "when" not in entry:
        _refuse(
            folder,
            "journal-when",
            f'has no "when" in the entry of {tag}',
            RESTORE,
            "never runs it on a database that has a history; on an empty one it runs it and fails at its row",
        )
    file = f"{tag}.sql"
    try:
        content = read_bytes(folder, file)
    except Missing as missing:
        raise Refused(
            f"the journal lists {tag}, but {folder / file} does not exist",
            hint=f"{missing.hint}; Drizzle needs every listed file, also those that were applied years ago",
            kind="missing-file",
            drizzle=FAILS,
        ) from None
    return migration(content, tag=tag, file=file, created_at=milliseconds(entry["when"]), name=None)


def milliseconds(when: Any) -> int | None:
    """What Drizzle inserts for an entry's `when`; None when PostgreSQL would refuse it or store a NULL.

    A string of digits works by coercion; a fraction, a boolean and null do not.
    """
    if isinstance(when, str) and when.isascii() and when.isdigit():
        when = int(when)
    if isinstance(when, float) and when.is_integer():
        when = int(when)
    if isinstance(when, bool) or not isinstance(when, int) or abs(when) > LARGEST_INTEGER:
        return None
    return when


def _refuse_duplicates(folder: Path, found: tuple[Migration, ...]) -> None:
    for tag, times in Counter(m.tag for m in found).items():
        if times > 1:
            _refuse(
                folder,
                "journal-twice",
                f"lists {tag} {times} times",
                "keep one of the entries: Drizzle would run the file each time",
                "runs the file for each of its entries that is newer than the newest row",
            )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _json_cause(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _encodable(tag: str) -> bool:
    return "\0" not in tag and not any("\ud800" <= character <= "\udfff" for character in tag)


def _refuse(folder: Path, kind: str, cause: str, remedy: str, drizzle: str = FAILS) -> NoReturn:
    raise Refused(f"{folder / JOURNAL} {cause}", hint=remedy, kind=kind, drizzle=drizzle)
