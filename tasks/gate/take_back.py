"""Which applied migrations a rollback takes back, newest first, and what speaks against it."""

import difflib
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, PlannedMigration, Problem, State
from tasks.gate.sql import NotSql, statements
from tasks.gate.wording import listing


class Rows(NamedTuple):
    """How the tool's rows are recognised."""

    written: Callable[[Migration, int], LedgerRow]  # the row that it writes for a migration, its id aside
    key: Callable[[LedgerRow, int], Hashable]  # what tells rows apart, equal for a row and for what `written` gives


class Taken(NamedTuple):
    """One migration that is taken back, and its row."""

    migration: Migration
    row: LedgerRow


class Choice(NamedTuple):
    """What is taken back, newest first, and what refuses it."""

    taken: tuple[Taken, ...]
    problems: tuple[Problem, ...] = ()


def back_to(folder: Folder, ledger: Ledger, rows: Rows, tag: str) -> Choice:
    """Everything that was applied since `tag`, and `tag` itself.

    Args:
        folder: as the tool reads it.
        ledger: its rows are in the order in which they were written.
        rows: how the tool's rows are recognised.
        tag: a migration's.

    Raises:
        ConfigurationError: there is no such migration, or it is not applied.
    """
    known = {m.tag: m for m in folder.migrations}
    if tag not in known:
        raise unknown_tag(tag, folder)
    applied = _of_rows(folder, ledger, rows)
    place = next((n for n, (_, found) in enumerate(applied) if found is not None and found.tag == tag), None)
    if place is None:
        raise ConfigurationError(
            f"{tag} is not applied as this folder has it: no row of {ledger.schema_name}.{ledger.table} is its own",
            hint="`gate plan` says what it is",
        )
    since = applied[place:]
    strangers = [row for row, found in since if found is None]
    taken = tuple(Taken(found, row) for row, found in reversed(since) if found is not None)
    return Choice(taken, tuple(_stranger(row, ledger, tag) for row in strangers))


def of_release(folder: Folder, ledger: Ledger, rows: Rows, release: str, tags: Sequence[str]) -> Choice:
    """The migrations that a release applied, whatever was applied after them.

    Raises:
        ConfigurationError: one of them is not applied any more, or its file is not what ran.
    """
    applied = [(row, found) for row, found in _of_rows(folder, ledger, rows) if found is not None and found.tag in tags]
    if missing := [tag for tag in tags if tag not in {found.tag for _, found in applied}]:
        raise ConfigurationError(
            f"release {release} applied {listing(missing)}, and no row of {ledger.schema_name}.{ledger.table} is of"
            " that file now",
            hint="it was taken back, or its file was edited or removed since: `gate plan` says which",
        )
    return Choice(tuple(Taken(found, row) for row, found in reversed(applied)))


def rows_after(ledger: Ledger, taken: Sequence[Taken]) -> tuple[LedgerRow, ...]:
    """The ledger without the rows of what is taken back."""
    gone = [id(t.row) for t in taken]
    return tuple(row for row in ledger.rows if id(row) not in gone)


def judged(
    taken: Sequence[Taken], lines: Sequence[PlannedMigration], problems: Sequence[Problem], tool: str
) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """What refuses the rollback, and what the approver should know, from the states that the ledger has after it.

    Args:
        taken: what is taken back.
        lines: the state of every migration once the rows are gone.
        problems: of that ledger.
        tool: the migration tool's name, for the sentence.
    """
    tags = {t.migration.tag for t in taken}
    bad = [line for line in lines if line.tag in tags and line.state is not State.PENDING]
    oldest = taken[-1].migration.tag if taken else ""
    refused = [
        Problem(
            tag=line.tag,
            kind="rollback-order",
            cause=f"without its row {tool} would never apply {line.tag} again: a newer migration stays applied",
            remedy=f"`gate rollback {oldest}` takes everything back that was applied since {oldest}",
        )
        for line in bad
    ]
    others = [p for p in problems if p.tag not in tags]
    poisoned = [p for p in others if p.tag is None]  # of the ledger as a whole: what the tool does then is not sure
    notes = tuple(f"not a part of this: {p.cause}" for p in others if p.tag is not None)
    return (*refused, *poisoned), notes


def staying(folder: Folder, ledger: Ledger, rows: Rows, taken: Sequence[Taken]) -> tuple[str, ...]:
    """Tags that were applied after the oldest one that is taken back, and stay applied."""
    applied = _of_rows(folder, ledger, rows)
    tags = [t.migration.tag for t in taken]
    first = next((n for n, (_, m) in enumerate(applied) if m is not None and m.tag in tags), len(applied))
    return tuple(found.tag for _, found in applied[first:] if found is not None and found.tag not in tags)


def pieces(text: str, file: str) -> tuple[str, ...]:
    """The statements of a file one by one, each with what stands before it, so that every line keeps its number."""
    try:
        found = statements(text, file)
    except NotSql:
        return (text,)  # whoever reads the plan's SQL refuses it, and says why
    cut: list[str] = []
    begin = 0
    for statement in found:
        end = text.index(statement.text, begin) + len(statement.text)
        cut.append(f"{text[begin:end]};")
        begin = end + 1  # the semicolon, or the end of the text
    return tuple(cut)


def _of_rows(folder: Folder, ledger: Ledger, rows: Rows) -> list[tuple[LedgerRow, Migration | None]]:
    known = {rows.key(rows.written(m, folder.generation), folder.generation): m for m in folder.migrations}
    return [(row, known.get(rows.key(row, folder.generation))) for row in ledger.rows]


def _stranger(row: LedgerRow, ledger: Ledger, tag: str) -> Problem:
    return Problem(
        kind="rollback-order",
        cause=f"row {row.id} of {ledger.schema_name}.{ledger.table} was written after {tag}, and no file here is what"
        " ran then: what it did cannot be taken back",
        remedy="`gate plan` says what that row is, and what to do about it",
    )


def unknown_tag(tag: str, folder: Folder) -> ConfigurationError:
    """No migration is called so; names the one that may be meant."""
    return ConfigurationError(
        f"there is no migration {tag} in {folder.path}", hint=_near(tag, [m.tag for m in folder.migrations])
    )


def _near(tag: str, known: list[str]) -> str:
    close = difflib.get_close_matches(tag, known, n=1, cutoff=0.4)
    return f"did you mean {close[0]}?" if close else "`gate plan` lists them; a release's id works too"
