"""What a project's folder shows of its migrations: hints to propose settings from, never to decide anything."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.tool import DBMATE, DRIZZLE

DEPTH = 5  # folders below the project
LEFT_OUT = {"node_modules", "dist", "build", "out", "coverage", "vendor", "__pycache__", "venv"}
CONFIGS = tuple(f"drizzle.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs", "json"))
# Read as text: the file is a program, and running it to learn a folder's name would be too much trust.
KEY = r"""["']?{}["']?\s*:\s*["'`]([^"'`$]+)["'`]"""
OUT = re.compile(KEY.format("out"))
MIGRATIONS = re.compile(r"""["']?migrations["']?\s*:\s*\{([^{}]*)\}""", re.DOTALL)
SCHEMA = re.compile(KEY.format("schema"))
TABLE = re.compile(KEY.format("table"))
COMMENT = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.DOTALL)
RUNNERS = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"))
LONGEST_TARGET = 63
DBMATE_SQL = "plain SQL with dbmate's sections"


class Finds(NamedTuple):
    """What was found; paths are relative to the project, with forward slashes."""

    target: str
    migrations: str | None
    sentence: str
    others: tuple[str, ...] = ()
    rollbacks: str | None = None
    schema: str | None = None
    table: str | None = None
    tool: str = DRIZZLE.name
    runner: str | None = None  # npm, pnpm, yarn, bun; None without package.json


def look_at(project: Path) -> Finds:
    """Look through a project; reads, and follows no symbolic link."""
    folders = {folder: kind for folder in _folders(project) if (kind := _kind(folder))}
    config = next((project / name for name in CONFIGS if (project / name).is_file()), None)
    text = COMMENT.sub("", _text(config)) if config else ""
    hinted = _hinted(project, text)
    chosen = hinted if hinted in folders else min(folders, key=lambda f: (len(f.parts), str(f)), default=hinted)
    others = sorted(_relative(f, project) for f in folders if f != chosen)
    block = found[1] if (found := MIGRATIONS.search(text)) else ""
    package = _package(project)
    return Finds(
        target=_target(package, project),
        migrations=_relative(chosen, project) if chosen else None,
        sentence=_sentence(chosen, folders, config, hinted),
        others=tuple(others),
        rollbacks=_rollbacks(project, chosen),
        schema=_first(SCHEMA, block),
        table=_first(TABLE, block),
        tool=DBMATE.name if chosen is not None and folders.get(chosen) == DBMATE_SQL else DRIZZLE.name,
        runner=_runner(project) if package is not None else None,
    )


def _folders(project: Path) -> Iterator[Path]:
    for where, names, _files in os.walk(project):
        folder = Path(where)
        deep = len(folder.relative_to(project).parts) >= DEPTH
        names[:] = [] if deep else sorted(n for n in names if n not in LEFT_OUT and not n.startswith("."))
        yield folder


def _kind(folder: Path) -> str | None:
    if (folder / "meta" / "_journal.json").is_file():
        return "Drizzle migrations with a journal"
    if any(folder.glob("[0-9]*/migration.sql")):
        return "Drizzle migrations with a folder for each migration"
    return DBMATE_SQL if DBMATE.holds(folder) else None


def _hinted(project: Path, text: str) -> Path | None:
    out = _first(OUT, text)
    return Path(os.path.normpath(project / out)) if out and not Path(out).is_absolute() else None


def _rollbacks(project: Path, chosen: Path | None) -> str | None:
    """Only where the default, `rollback` below the migrations, would miss it."""
    if chosen is not None and (chosen / "rollback").is_dir():
        return None
    places = [chosen, chosen.parent, project] if chosen is not None else [project]
    for place in places:
        for name in ("rollback", "rollbacks", "down"):
            if any((place / name).glob("*.sql")):
                return _relative(place / name, project)
    return None


def _sentence(chosen: Path | None, kinds: dict[Path, str], config: Path | None, hinted: Path | None) -> str:
    if chosen is None:
        return "no folder of migrations was found: name it here when there is one"
    if chosen not in kinds:
        return f"{config.name if config else 'the configuration'} says so, but nothing was generated there yet"
    by = f", as {config.name} says" if config and chosen == hinted else ""
    return f"{kinds[chosen]}{by}"


def _target(package: dict[str, object] | None, project: Path) -> str:
    named = str((package or {}).get("name") or project.resolve().name)
    plain = re.sub(r"[^a-z0-9_]+", "-", named.rpartition("/")[2].lower()).strip("-")
    return plain[:LONGEST_TARGET].strip("-") or "production"


def _package(project: Path) -> dict[str, object] | None:
    try:
        found = json.loads(_text(project / "package.json"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _runner(project: Path) -> str:
    return next((runner for lock, runner in RUNNERS if (project / lock).exists()), "npm")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None


def _relative(path: Path, project: Path) -> str:
    return Path(os.path.relpath(path, project)).as_posix()
