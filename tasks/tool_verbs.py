"""What a migration tool can do: four verbs, and what is known of its rows; a tool that joins fills in one of these."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import sql

from tasks.gate.plan import Folder, FoundLedger, Ledger, LedgerRow, Migration, PlannedMigration, Problem
from tasks.gate.repair import Offer
from tasks.gate.segment import Part
from tasks.gate.take_back import Rows
from tasks.rollbacks import FoundRollbacks
from tasks.run_in_transaction import Observer

Connection = psycopg.Connection[tuple[Any, ...]]
States = tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]


class ReadFolder(Protocol):
    """Verb one: what the files say."""

    def __call__(self, path: Path) -> Folder:
        """Everything the tool would run, in its order."""
        ...


class ReadLedger(Protocol):
    """Verb two: what the database says."""

    def __call__(self, connection: Connection, schema: str, table: str) -> Ledger:
        """The tool's rows as they are."""
        ...


class FindLedger(Protocol):
    """Verb two, when a plan is made: which table it is."""

    def __call__(
        self, connection: Connection, folder: Folder, schema: str, table: str, *, explicit: bool
    ) -> FoundLedger:
        """The table that is in use, which may be another one than the default."""
        ...


class TellStates(Protocol):
    """Verb three: the difference, in words."""

    def __call__(self, folder: Folder, ledger: Ledger, now_ms: int) -> States:
        """What each migration is, what is pending, what refuses the release."""
        ...


class Apply(Protocol):
    """Verb four: exactly what the tool itself would do."""

    def __call__(
        self,
        connection: Connection,
        *,
        generation: int,
        schema: str,
        table: str,
        pending: Sequence[Migration],
        parts: Sequence[Part] | None = None,
        observer: Observer | None = None,
        lock_ledger: bool = True,
        ledger_head: str | None = None,
        ledger_head_after: str | None = None,
    ) -> None:
        """Run `pending` and write its rows, in the transaction scope that the tool has.

        With `parts` only these run, and only migrations that are whole with them get their rows. With
        `ledger_head_after` they are scripts that write the ledger themselves, and must leave it so.
        """
        ...


class Repairs(Protocol):
    """The safe remedies for a ledger that disagrees with the folder."""

    def __call__(
        self, folder: Folder, ledger: Ledger, now_ms: int, *, populated: bool, subject: str = ""
    ) -> tuple[Offer, ...]:
        """What may be offered; `populated` says that the database has tables of its own."""
        ...


def _no_repairs(
    folder: Folder,  # noqa: ARG001
    ledger: Ledger,  # noqa: ARG001
    now_ms: int,  # noqa: ARG001
    *,
    populated: bool,  # noqa: ARG001
    subject: str = "",  # noqa: ARG001
) -> tuple[Offer, ...]:
    return ()


class Tool(NamedTuple):
    """A migration tool."""

    name: str
    read_folder: ReadFolder
    read_ledger: ReadLedger
    states: TellStates
    apply: Apply
    find_ledger: FindLedger
    remarks: Callable[[Sequence[PlannedMigration], Sequence[Migration]], tuple[str, ...]]  # on the order of execution
    explain: Callable[[Iterable[Problem]], tuple[Problem, ...]]  # adds what the tool itself would do
    rollbacks: Callable[[Folder, Path, Sequence[Migration]], FoundRollbacks]  # beside which folder the way back lies
    rows: Rows
    forget: Callable[[str, str, LedgerRow], str]  # a script's text that removes one row from schema and table
    holds: Callable[[Path], bool]  # the folder has this tool's files
    ledger: tuple[str, str]  # schema and table, when nothing is set
    transaction_of: Callable[[str, str, Migration], sql.Composed]  # asks which transaction wrote a migration's row
    journal: str = ""  # the file beside the migrations that orders them, relative to the folder; empty when names do
    rollbacks_inside: bool = False  # the way back is a part of the migration's own file
    repairs: Repairs = _no_repairs
