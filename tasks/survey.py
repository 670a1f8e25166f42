"""Folder and ledger of a target as its migration tool reads them: where every plan starts."""

import time
from typing import NamedTuple

from config.settings import Settings
from tasks.gate.plan import Folder, Ledger, Migration, PlannedMigration, Problem
from tasks.gate.repair import Offer
from tasks.tool import Connection, Tool, ledger_place, tool_of


class Survey(NamedTuple):
    """What the files and the database say of each other."""

    tool: Tool
    folder: Folder
    ledger: Ledger
    lines: tuple[PlannedMigration, ...]
    pending: tuple[Migration, ...]
    ledger_problems: tuple[Problem, ...]  # of the table itself
    problems: tuple[Problem, ...]  # of migrations and rows
    notes: tuple[str, ...]  # how the ledger was found, and of the files as a whole

    def now_with(self, ledger: Ledger) -> tuple[tuple[PlannedMigration, ...], tuple[Problem, ...]]:
        """What each migration would be, and the problems, with another ledger."""
        lines, _, problems = self.tool.states(self.folder, ledger, _now_ms())
        return lines, problems

    def repairs(self, subject: str = "", *, populated: bool) -> tuple[Offer, ...]:
        """The safe remedies of the ledger as it is now; see the tool's own."""
        return self.tool.repairs(self.folder, self.ledger, _now_ms(), populated=populated, subject=subject)


def survey(settings: Settings, connection: Connection) -> Survey:
    """Read both, and tell the states; writes nothing.

    Raises:
        ConfigurationError: the folder or the ledger cannot be used as it is set.
        Refused: the folder cannot be read as the tool reads it.
    """
    using = tool_of(settings)
    folder = using.read_folder(settings.migrations)
    found = using.find_ledger(
        connection,
        folder,
        *ledger_place(settings),
        explicit=bool({"migrations_schema", "migrations_table"} & settings.model_fields_set),
    )
    lines, pending, problems = using.states(folder, found.ledger, _now_ms())
    return Survey(using, folder, found.ledger, lines, pending, found.problems, problems, (*found.notes, *folder.notes))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
