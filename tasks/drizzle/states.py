"""Every state between a folder and a ledger: only applied and pending may go on."""

from tasks.drizzle.own_table import touching
from tasks.drizzle.states_folders import folder_states
from tasks.drizzle.states_journal import journal_states
from tasks.drizzle.table_shape import shape_problems
from tasks.gate.plan import Folder, Ledger, Migration, PlannedMigration, Problem

States = tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]


def states(folder: Folder, ledger: Ledger, now_ms: int) -> States:
    """What each migration is, what is pending in the order of execution, and what refuses the release.

    Args:
        folder: as `read_folder` gave it.
        ledger: as `read_ledger` gave it.
        now_ms: milliseconds since 1970; a stamp far beyond it is a poison for generation 0.
    """
    planned, pending, problems = (
        journal_states(folder, ledger, now_ms) if folder.generation == 0 else folder_states(folder, ledger)
    )
    return planned, pending, (*shape_problems(folder, ledger), *problems, *touching(pending, ledger))
