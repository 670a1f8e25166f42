"""Reads a folder of dbmate's: every `.sql` file whose name begins with digits, in the order of the names."""

import re
from pathlib import Path

from tasks.dbmate.sections import MARKER, Sections, sections
from tasks.gate.errors import ConfigurationError, GateError, Refused
from tasks.gate.model import sha256
from tasks.gate.plan import Folder, Migration, Problem
from tasks.gate.take_back import pieces
from tasks.migration_files import names, read_bytes

NAME = re.compile(r"(\d+).*\.sql")
SUFFIX = ".sql"


def holds(path: Path) -> bool:
    """True when a file of the folder has a section of dbmate's."""
    try:
        return any(MARKER.search(read_bytes(path, name).decode("utf-8", "replace")) for name in _own(path))
    except GateError:  # no folder, or one that cannot be read: whoever reads it says so
        return False


def read_folder(path: Path) -> Folder:
    """Everything in the folder that dbmate would run, in its order.

    A file that dbmate would not take is a problem only while it is pending: an applied one is never read again.

    Raises:
        ConfigurationError: there is no such folder, or nothing of dbmate's in it.
        Refused: a file cannot be read, or two have the same version.
    """
    own = _own(path)
    if not own:
        raise ConfigurationError(
            f"{path} holds no migration of dbmate's: no .sql file whose name begins with digits",
            hint="set GATE_MIGRATIONS to the folder that `dbmate --migrations-dir` names",
        )
    read = [_read(path, name) for name in own]
    found = tuple(migration for migration, _ in read)
    _refuse_twins(path, found)
    return Folder(
        tool="dbmate",
        generation=1,  # the ledger's rows have names, and no times
        path=str(path),
        migrations=found,
        orphans=tuple(sorted(name for name in names(path) if name.endswith(SUFFIX) and name not in own)),
        problems=tuple(problem for m, told in read if (problem := _problem(m, told)) is not None),
    )


def sections_of(folder: Folder, migration: Migration) -> Sections:
    """The sections of a migration's file.

    Raises:
        Refused: it cannot be read.
    """
    return sections(read_bytes(Path(folder.path), migration.file).decode("utf-8", "replace"))


def _own(path: Path) -> list[str]:
    return sorted(name for name in names(path) if NAME.fullmatch(name) and (path / name).is_file())


def _read(path: Path, name: str) -> tuple[Migration, Sections]:
    content = read_bytes(path, name)
    told = sections(content.decode("utf-8", "replace"))
    version = NAME.fullmatch(name)
    assert version is not None, "only such names are read"
    migration = Migration(
        tag=name.removesuffix(SUFFIX),
        file=name,
        hash=sha256(content),
        created_at=None,
        name=version[1],
        statements=pieces("\n" * told.line + told.up, name),  # a message then names the line of the file
    )
    return migration, told


def _problem(migration: Migration, told: Sections) -> Problem | None:
    if not told.defect:
        return None
    return Problem(
        tag=migration.tag,
        kind="section",
        cause=f"{migration.file} {told.defect}, and dbmate would not take it",
        remedy=told.remedy,
    )


def _refuse_twins(path: Path, found: tuple[Migration, ...]) -> None:
    seen: dict[str | None, str] = {}
    for migration in found:
        if migration.name in seen:
            raise Refused(
                f"{path} has two files of version {migration.name}: {seen[migration.name]} and {migration.file}",
                hint="give one of them another version; dbmate would fail at the second one's row",
            )
        seen[migration.name] = migration.file
