"""Where a project keeps its migrations: the folder itself, or the folders below it that Drizzle would take."""

import os
from collections.abc import Iterator
from pathlib import Path

from tasks.drizzle.folder import holds

DEEP = 7  # folders below the project
ELSEWHERE = {"node_modules", "dist", "build", ".git", ".next", "meta", "__pycache__", ".venv"}


def histories(project: Path) -> list[Path]:
    """The folders of migrations in a project, or the project itself where there is none, for the sentence about it."""
    if holds(project):
        return [project]
    return sorted(_below(project)) or [project]


def _below(project: Path) -> Iterator[Path]:
    for root, folders, _ in os.walk(project):
        here = Path(root)
        folders[:] = sorted(name for name in folders if name not in ELSEWHERE)
        if here != project and holds(here):
            yield here
            folders.clear()
        elif len(here.relative_to(project).parts) >= DEEP:
            folders.clear()
