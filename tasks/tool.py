"""The four verbs of a migration tool; a second tool joins by one more entry in the list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg

from tasks.drizzle.applying import Observer, StatementFailed, apply
from tasks.drizzle.folder import read_folder
from tasks.drizzle.ledger import read_ledger
from tasks.drizzle.states import States, states
from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Folder, Ledger, Migration, Plan

__all__ = ["TOOLS", "Observer", "StatementFailed", "Tool", "run", "tool"]

Connection = psycopg.Connection[tuple[Any, ...]]


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
        observer: Observer | None = None,
        lock_ledger: bool = True,
        ledger_head: str | None = None,
        ledger_head_after: str | None = None,
    ) -> None:
        """Run `pending` and write its rows, in the transaction scope that the tool has.

        With `ledger_head_after` they are scripts that write the ledger themselves, and must leave it so.
        """
        ...


class Tool(NamedTuple):
    """A migration tool."""

    name: str
    read_folder: ReadFolder
    read_ledger: ReadLedger
    states: TellStates
    apply: Apply


def run(connection: Connection, plan: Plan, observer: Observer | None = None) -> None:
    """Run a plan, whatever its purpose, in one transaction with what it does to the ledger.

    Args:
        connection: in autocommit mode, outside a transaction.
        plan: its ledger head must still be what the database has.
        observer: told about every piece and about the COMMIT.
    """
    tool(plan.tool).apply(
        connection,
        generation=plan.generation,
        schema=plan.ledger_schema,
        table=plan.ledger_table,
        pending=plan.pending,
        observer=observer,
        ledger_head=plan.ledger_head,
        ledger_head_after=plan.ledger_head_after,
    )


DRIZZLE = Tool("drizzle", read_folder, read_ledger, states, apply)
TOOLS: tuple[Tool, ...] = (DRIZZLE,)


def tool(name: str = DRIZZLE.name) -> Tool:
    """The tool of that name.

    Raises:
        ConfigurationError: there is none.
    """
    for known in TOOLS:
        if known.name == name:
            return known
    raise ConfigurationError(
        f"no migration tool is called {name}", hint=f"known are {', '.join(known.name for known in TOOLS)}"
    )
