"""Reads a folder of Drizzle migrations; its layout decides the generation."""

from pathlib import Path

from tasks.drizzle.folders import migration_names, read_folders
from tasks.drizzle.journal import JOURNAL, read_journal_folder
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Folder
from tasks.migration_files import exists, names


def holds(path: Path) -> bool:
    """True when there is a journal, or a folder with a migration in it."""
    return path.is_dir() and (exists(path, JOURNAL) or bool(migration_names(path)))


def read_folder(path: Path) -> Folder:
    """Everything in the folder that Drizzle would run, in its order, read once.

    Raises:
        ConfigurationError: there is no such folder, or nothing of Drizzle's in it.
        Refused: what is in it cannot be read as Drizzle reads it, or belongs to both generations.
    """
    found = names(path)
    newer = migration_names(path)
    if not exists(path, JOURNAL):
        if newer:
            return read_folders(path, newer)
        raise ConfigurationError(f"{path} holds no Drizzle migrations{_instead(found)}", hint=_where(path))
    if moved := [name for name in newer if exists(path, f"{name}/snapshot.json")]:  # Prisma's folders have none
        raise Refused(
            f"{path} holds both {JOURNAL} and {moved[0]}/migration.sql, that is two generations of Drizzle",
            hint="finish the move with `drizzle-kit up` of Drizzle 1.0, or remove the half that does not belong there",
            kind="two-generations",
            drizzle="0.x runs the journal and ignores the folders; 1.0 refuses to start",
        )
    return read_journal_folder(path, beside=[f"{name}/migration.sql" for name in newer])


def _instead(found: list[str]) -> str:
    if not found:
        return ": it is empty"
    loose = sum(name.endswith(".sql") for name in found)
    return f": {loose} .sql files, but no {JOURNAL}" if loose else f": neither {JOURNAL} nor */migration.sql"


def _where(path: Path) -> str:
    """Names the right folder when it is near."""
    near = [path.parent, path / "drizzle", path / "migrations"]
    for folder in near:
        if folder.is_dir() and exists(folder, JOURNAL):
            return f"{folder} does: set GATE_MIGRATIONS to it"
    return "set GATE_MIGRATIONS to the folder that drizzle-kit generates (`out` in its configuration)"
