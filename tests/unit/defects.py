"""Seeded defects: each takes a clean history and spoils it, and says by which name the gate must stop it."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from tasks.drizzle.elsewhere import choose_ledger
from tasks.drizzle.ledger import OtherLedger
from tasks.drizzle.text import MARKER
from tasks.gate.plan import LedgerRow, Problem
from tests.unit.histories import NOW, History, entry

DAY = 86_400_000
STRANGER = LedgerRow(id=900, hash="e" * 64, created_at=None)


class Defect(NamedTuple):
    """One way to spoil a project."""

    name: str
    kind: str  # how the gate must call it
    generation: int | None  # of the history; either when None
    spoil: Callable[[History], History]


def _edited(history: History) -> History:
    return history.change(0, text="SELECT 'edited after it ran';")


def _line_endings(history: History) -> History:
    spoiled = history.change(0, text="SELECT 1;\nSELECT 2;\n")
    ran = entry(history.generation, "x", 1, "SELECT 1;\r\nSELECT 2;\r\n")
    return spoiled.row(0, hash=ran.hash)


def _unique(history: History, number: int) -> History:
    """A text that no other migration has, in the file and in the row."""
    spoiled = history.change(number, text=f"SELECT 'only here {number}';")
    return spoiled.row(number, hash=spoiled.migrations[number].hash) if number < len(history.rows) else spoiled


def _restamped(history: History) -> History:
    own = _unique(history, 0)
    return own.change(0, created_at=(own.migrations[0].created_at or 0) - 77)


def _exchanged(history: History) -> History:
    own = _unique(_unique(history, 0), 1)
    first, second = own.migrations[0].created_at, own.migrations[1].created_at
    return own.change(0, created_at=second).change(1, created_at=first)


def _skipped(history: History) -> History:
    last = len(history.rows) - 1
    own = _unique(history, len(history.rows))
    return own.change(len(history.rows), created_at=(own.migrations[last].created_at or 0) - 7)


def _row_gone(history: History) -> History:
    own = _unique(history, 0)
    return replace(own, rows=own.rows[1:])


def _file_gone(history: History) -> History:
    own = _unique(history, 0)
    return replace(own, migrations=own.migrations[1:])


def _foreign(history: History) -> History:
    newest = max(row.created_at or 0 for row in history.rows)
    return history.with_rows(
        STRANGER.model_copy(update={"created_at": newest + 1, "name": "x" if history.has_name else None})
    )


def _foreign_later_than_all(history: History) -> History:
    return history.with_rows(STRANGER.model_copy(update={"created_at": NOW - DAY}))


def _future_row(history: History) -> History:
    return history.with_rows(STRANGER.model_copy(update={"created_at": NOW + 400 * DAY}))


def _hand_made_null(history: History) -> History:
    return history.with_rows(STRANGER)


def _null(history: History) -> History:
    return _unique(history, 0).row(0, created_at=None)


def _twice(history: History) -> History:
    return history.with_rows(history.rows[0].model_copy(update={"id": 901}))


def _future_entry(history: History) -> History:
    return history.change(len(history.migrations) - 1, created_at=NOW + 5 * DAY)


def _no_when(history: History) -> History:
    return history.change(len(history.migrations) - 1, created_at=None)


def _upgraded(history: History) -> History:
    return replace(history, has_name=True)


def _not_upgraded(history: History) -> History:
    return replace(history, has_name=False, rows=tuple(row.model_copy(update={"name": None}) for row in history.rows))


def _upgrade_blocked(history: History) -> History:
    return _not_upgraded(history).with_rows(STRANGER.model_copy(update={"created_at": NOW - DAY}))


def _upgrade_ambiguous(history: History) -> History:
    old = _not_upgraded(history)
    return old.with_rows(old.rows[0].model_copy(update={"id": 902}))


def _half_upgraded(history: History) -> History:
    return _unique(history, len(history.rows) - 1).row(len(history.rows) - 1, name=None)


def _renamed(history: History) -> History:
    own = _unique(history, 0)
    tag = own.migrations[0].tag
    return own.change(0, tag=f"{tag}_renamed")


def _unstamped(history: History) -> History:
    return history.change(len(history.migrations) - 1, tag="init", created_at=None)


def _same_second(history: History) -> History:
    last = history.migrations[-1]
    twin = entry(1, f"{last.tag[:14]}_ärger", last.created_at, "SELECT 'twin';")
    return replace(history, migrations=(*history.migrations, twin))


def _pending(text: str) -> Callable[[History], History]:
    return lambda history: history.change(len(history.migrations) - 1, text=text)


DEFECTS = (
    Defect("an applied file was edited", "edited", None, _edited),
    Defect("an applied file has other line endings", "line-endings", None, _line_endings),
    Defect("an entry's time was changed", "restamped", 0, _restamped),
    Defect("two entries exchanged their times", "restamped", 0, _exchanged),
    Defect("a branch was merged late", "skipped", 0, _skipped),
    Defect("the row of an applied migration is gone", "skipped", 0, _row_gone),
    Defect("an applied entry and its file are gone", "unknown", None, _file_gone),
    Defect("a foreign row", "unknown", 1, _foreign),
    Defect("a foreign row later than all", "foreign-row", 0, _foreign_later_than_all),
    Defect("a row of the future", "future-row", 0, _future_row),
    Defect("a row made by hand without a time", "no-time", 0, _hand_made_null),
    Defect("the row of a migration lost its time", "no-time", 0, _null),
    Defect("a migration ran twice", "duplicate", None, _twice),
    Defect("an entry of the future", "future-entry", 0, _future_entry),
    Defect("an entry without a usable time", "stamp", 0, _no_when),
    Defect("the table was upgraded, the folder was not", "upgraded-table", 0, _upgraded),
    Defect("the folder was upgraded, the table was not", "upgrade", 1, _not_upgraded),
    Defect("a row blocks the upgrade", "upgrade-blocked", 1, _upgrade_blocked),
    Defect("two rows would get one name", "upgrade-ambiguous", 1, _upgrade_ambiguous),
    Defect("0.x wrote into a table of 1.0", "unnamed", 1, _half_upgraded),
    Defect("an applied folder was renamed", "renamed", 1, _renamed),
    Defect("a folder without a time", "no-stamp", 1, _unstamped),
    Defect("two folders of one second, in an order of the locale's", "order", 1, _same_second),
    Defect("a NUL byte", "nul", None, _pending("SELECT 'a\0b';")),
    Defect("a byte order mark", "byte-order-mark", None, _pending("\ufeffSELECT 1;")),
    Defect("a marker within a literal", "marker", None, _pending(f"SELECT 'a {MARKER} b';")),
    Defect("a merge conflict in the SQL", "syntax", None, _pending("<<<<<<< HEAD\nSELECT 1;\n")),
    Defect("rows for psql", "copy", None, _pending("COPY users (name) FROM stdin;\na\n\\.\n")),
    Defect("a command of psql", "psql", None, _pending("\\echo hello\n")),
    Defect("a ROLLBACK", "transaction-control", None, _pending("CREATE TABLE lost (id int);ROLLBACK;")),
    Defect("another encoding for the rest of the run", "session", None, _pending("SET NAMES 'LATIN1';")),
)


def _other(history: History, **values: object) -> OtherLedger:
    count = len(history.rows)
    return OtherLedger("public", "migrations", count, count)._replace(**values)


def _two_ledgers(history: History) -> tuple[Problem, ...]:
    return choose_ledger(history.ledger, [_other(history)], explicit=False).problems


def _elsewhere(history: History) -> tuple[Problem, ...]:
    empty = history.ledger.model_copy(update={"rows": ()})
    return choose_ledger(empty, [_other(history)], explicit=True).problems


def _of_somebody_else(history: History) -> tuple[Problem, ...]:
    missing = history.ledger.model_copy(update={"rows": (), "exists": False})
    return choose_ledger(missing, [_other(history, ours=0)], explicit=False).problems


LEDGERS: tuple[tuple[str, str, Callable[[History], tuple[Problem, ...]]], ...] = (
    ("two ledgers hold this folder's rows", "two-ledgers", _two_ledgers),
    ("the ledger that was named is empty, another one is not", "other-ledger", _elsewhere),
    ("no ledger, but a table that looks like one", "other-ledger", _of_somebody_else),
)
