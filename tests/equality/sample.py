"""Writes sample folders of migrations in both layouts, from a list of texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST_WHEN = 1_750_000_000_000  # June 2025, in ms
BREAK = "--> statement-breakpoint\n"


@dataclass(frozen=True)
class Step:
    """One migration."""

    tag: str
    text: str | bytes
    when: Any = None  # generation 0 only; one second after the one before unless given
    entry: dict[str, Any] = field(default_factory=dict)  # generation 0 only: what else its entry says


@dataclass(frozen=True)
class Sample:
    """A folder to compare on."""

    name: str
    generation: int
    steps: tuple[Step, ...]
    schema: str = "drizzle"
    table: str = "__drizzle_migrations"
    extra: dict[str, str] = field(default_factory=dict)  # other files, which Drizzle ignores
    word: str = "same"  # the verdict: `better` where Gate applies, or leaves whole, what Drizzle does not
    kit: bool = False  # also by the command line of drizzle-kit
    halves: bool = False  # also with a hand-over in the middle; only where that means the same as one run

    @property
    def title(self) -> str:
        """Its name in both generations."""
        return f"{self.name} (generation {self.generation})"

    def write(self, folder: Path, count: int | None = None) -> Path:
        """The folder, or the project as it was after its first `count` migrations."""
        steps = self.steps[:count]
        folder.mkdir(parents=True)
        for file, text in self.extra.items():
            _write(folder / file, text)
        if self.generation == 0:
            _write_journal(folder, steps)
        else:
            for step in steps:
                _write(folder / step.tag / "migration.sql", step.text)
        return folder


def both(name: str, *bodies: str, halves: bool = False, word: str = "same") -> list[Sample]:
    """The same texts in both layouts."""
    journal = tuple(Step(f"{n:04}_step", body) for n, body in enumerate(bodies))
    folders = tuple(Step(f"202506{n + 1:02}120000_step", body) for n, body in enumerate(bodies))
    return [
        Sample(name, 0, journal, halves=halves, word=word),
        Sample(name, 1, folders, halves=halves, word=word),
    ]


def texts(*pieces: str) -> str:
    """Pieces with a breakpoint between them, as drizzle-kit writes it."""
    return BREAK.join(pieces)


def _write_journal(folder: Path, steps: Sequence[Step]) -> None:
    entries = []
    for number, step in enumerate(steps):
        when = step.when if step.when is not None else FIRST_WHEN + number * 1000
        entry = {"idx": number, "version": "7", "when": when, "tag": step.tag, "breakpoints": True}
        entries.append({**entry, **step.entry})
        _write(folder / f"{step.tag}.sql", step.text)
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    _write(folder / "meta/_journal.json", json.dumps(journal, indent=2))


def _write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
