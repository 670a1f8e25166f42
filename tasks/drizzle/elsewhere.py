"""Which table is the ledger: the one that was set, the one that is found, or a question to whoever must say."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.drizzle.ledger import OtherLedger
from tasks.gate.plan import Ledger, Problem

AGAIN = "creates it empty, and runs every migration from the first one again"


class Choice(NamedTuple):
    """What follows from the tables that the database holds."""

    found: OtherLedger | None = None  # use this one instead of the default
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def choose_ledger(ledger: Ledger, others: Sequence[OtherLedger], *, explicit: bool) -> Choice:
    """The trap of Dokploy: drizzle.config.ts names one table, the programme that migrates uses another (facts: 2.4).

    Args:
        ledger: the configured one, or Drizzle's default.
        others: every other table that looks like Drizzle's.
        explicit: schema or table were set by a person, so the default was not meant.
    """
    filled = [other for other in others if other.rows != 0]
    own = [other for other in filled if other.ours]
    if ledger.rows:
        return Choice() if explicit or not own else Choice(problems=(_two(ledger, own[0]),))
    if len(own) == 1 and not ledger.exists and not explicit:
        return Choice(found=own[0], notes=(_found(ledger, own[0]),))
    if own:
        return Choice(problems=(_other(ledger, own),))
    return Choice(problems=() if ledger.exists or not filled else (_other(ledger, filled[:1]),))


def _found(ledger: Ledger, other: OtherLedger) -> str:
    return (
        f"the ledger is {other.place}, found in the database: {_place(ledger)} does not exist, and {other.ours} of"
        f" {other.rows} rows there are of this folder; say so with {_settings(other)}"
    )


def _two(ledger: Ledger, other: OtherLedger) -> Problem:
    return Problem(
        kind="two-ledgers",
        cause=f"two tables hold rows of this folder: {_place(ledger)} ({len(ledger.rows)} rows) and {other.place}"
        f" ({other.ours} of {other.rows} rows)",
        drizzle="looks at the one table that its own caller names, and runs again what only the other one has",
        remedy="set GATE_MIGRATIONS_SCHEMA and GATE_MIGRATIONS_TABLE to the one that the project's migrator uses:"
        f" {ledger.schema_name} and {ledger.table}, or {other.schema_name} and {other.table}",
    )


def _other(ledger: Ledger, others: Sequence[OtherLedger]) -> Problem:
    what = "has no rows" if ledger.exists else "does not exist"
    first = others[0]
    seen = f"{first.ours} of its {first.rows} rows are of this folder" if first.ours else "it looks like Drizzle's"
    more = f"; so does {', '.join(other.place for other in others[1:])}" if len(others) > 1 else ""
    unless = "" if first.ours else f"; if it belongs to another project, create {_place(ledger)} empty, as Drizzle does"
    return Problem(
        kind="other-ledger",
        cause=f"the ledger {_place(ledger)} {what}, but {first.place} does: {seen}{more}; from an empty ledger"
        " everything would run again",
        drizzle=AGAIN if not ledger.exists else "runs every migration from the first one again",
        remedy=f"set {_settings(first)}{unless}",
    )


def _place(ledger: Ledger) -> str:
    return f"{ledger.schema_name}.{ledger.table}"


def _settings(other: OtherLedger) -> str:
    return f"GATE_MIGRATIONS_SCHEMA={other.schema_name} and GATE_MIGRATIONS_TABLE={other.table}"
