"""The same project at an earlier moment: only its first migrations, as a deployment of that day found them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tasks.drizzle.folder import read_folder


def first(folder: Path, count: int, into: Path) -> Path:
    """A copy of the folder with its first `count` migrations.

    The files of the later ones stay where the journal decides, as orphans, which both tools ignore.
    """
    found = read_folder(folder)
    _copy(folder, into)
    if found.generation == 0:
        return _listed(into, (into / "meta/_journal.json").read_text(), count)
    for migration in found.migrations[count:]:
        shutil.rmtree(into / migration.tag)
    return into


def _copy(folder: Path, into: Path) -> None:
    """Writable, whatever the folder itself is; links that lead nowhere are left out."""
    shutil.copytree(folder, into, copy_function=shutil.copyfile, ignore_dangling_symlinks=True)
    for path in (into, *into.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def first_half(folder: Path, into: Path) -> Path | None:
    """The project as it was after the first half of its migrations; None when it has fewer than two."""
    half = len(read_folder(folder).migrations) // 2
    return first(folder, half, into) if half else None


def day_by_day(folder: Path, into: Path) -> Iterator[Path]:
    """One folder that grows by a migration each time."""
    found = read_folder(folder)
    journal = (folder / "meta/_journal.json").read_text() if found.generation == 0 else ""
    first(folder, 0, into)
    for count, migration in enumerate(found.migrations, 1):
        if found.generation == 0:
            yield _listed(into, journal, count)
        else:
            shutil.copytree(folder / migration.tag, into / migration.tag)
            yield into


def _listed(folder: Path, text: str, count: int) -> Path:
    journal = json.loads(text)
    journal["entries"] = journal["entries"][:count]
    (folder / "meta/_journal.json").write_text(json.dumps(journal))
    return folder
