"""What is gone after the migrations, found by comparing before and after; no statement is trusted to say it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tasks.gate.fingerprint import Fingerprint, SequencePrint
from tasks.gate.rehearsal import RowChanges
from tasks.gate.wording import count, number


class Shape(NamedTuple):
    """A table or what else may vanish with one, as the catalog knows it."""

    oid: int
    kind: str  # "table", "view", "materialised view", "foreign table", "foreign key"
    schema: str
    relation: str  # for a foreign key, the table that it belongs to
    label: str  # quoted and qualified, for messages and as the key of a fingerprint
    columns: Mapping[int, str] = {}  # attribute number to name; tables only
    parents: tuple[int, ...] = ()  # tables that it is a partition or a child of
    word: str = ""  # the plain name


class Contents(NamedTuple):
    """How many rows a table holds, and how many values that are not null each column holds."""

    rows: int
    values: Mapping[str, int]


Shapes = Mapping[int, Shape]


def tables(shapes: Shapes) -> dict[int, Shape]:
    """Only the tables."""
    return {oid: shape for oid, shape in shapes.items() if shape.kind == "table"}


def pairs(before: Shapes, after: Shapes) -> list[tuple[Shape, Shape | None]]:
    """Each table and what became of it: the same table under whatever name, else another one of the same name."""
    later = tables(after)
    by_label = {shape.label: shape for shape in later.values()}
    return [(shape, later.get(oid) or by_label.get(shape.label)) for oid, shape in tables(before).items()]


def column_after(before: Shape, after: Shape, attribute: int) -> str | None:
    """The name under which a column lives on; None when it is gone."""
    name = before.columns[attribute]
    if before.oid == after.oid and attribute in after.columns:
        return after.columns[attribute]
    return name if name in after.columns.values() else None


def table_losses(before: Shape, had: Contents, after: Shape | None, has: Contents | None) -> tuple[str, ...]:
    """What one table lost, in words that follow "lost:".

    Args:
        before: the table in the restored copy.
        had: its contents there.
        after: what became of it, None when it is gone.
        has: the contents then.
    """
    if after is None or has is None:
        return (f"table {before.label} with {count(had.rows, 'row')}",) if had.rows else ()
    return (*_rows(before, had, has), *_columns(before, had, after, has))


def _rows(before: Shape, had: Contents, has: Contents) -> Iterator[str]:
    if has.rows < had.rows:
        yield f"{number(had.rows - has.rows)} of {count(had.rows, 'row')} of table {before.label}"


def _columns(before: Shape, had: Contents, after: Shape, has: Contents) -> Iterator[str]:
    for attribute, name in before.columns.items():
        values = had.values.get(name, 0)
        now = column_after(before, after, attribute)
        if now is None and values:
            yield f"column {before.label}.{name} with {count(values, 'value')}"
        elif now is not None and has.rows >= had.rows and has.values.get(now, 0) < values:
            fewer = number(values - has.values.get(now, 0))
            yield f"{fewer} of {count(values, 'value')} of column {before.label}.{name}"


def replaced_rows(lost: Mapping[str, int], changes: Mapping[str, RowChanges]) -> tuple[str, ...]:
    """Rows that were deleted though a table holds no fewer afterwards, because others came.

    Args:
        lost: net rows that each table lost, by its label; only tables that existed before.
        changes: the sum of all statements, by the table's label.
    """
    return tuple(
        f"{count(change.deleted, 'row')} of table {label} deleted, while {number(change.inserted)} others came"
        for label, change in sorted(changes.items())
        if label in lost and lost[label] <= 0 and change.deleted
    )


def sequence_losses(before: Mapping[str, SequencePrint], after: Mapping[str, SequencePrint]) -> tuple[str, ...]:
    """Sequences that went back: numbers that were handed out once will be handed out again."""
    return tuple(
        f"the position of sequence {name}: at {was.last_value} before, at {after[name].last_value} afterwards"
        for name, was in sorted(before.items())
        if name in after and was.is_called and _position(after[name]) < _position(was)
    )


def large_object_losses(before: Fingerprint, after: Fingerprint) -> tuple[str, ...]:
    """Large objects that are gone."""
    fewer = before.large_objects - after.large_objects
    return (f"{number(fewer)} of {count(before.large_objects, 'large object')}",) if fewer > 0 else ()


def sequence_ahead(before: SequencePrint, after: SequencePrint) -> bool:
    """True when a sequence only moved on, which a rollback cannot and need not take back."""
    return _position(after) > _position(before)


def _position(sequence: SequencePrint) -> tuple[int, bool]:
    return sequence.last_value, sequence.is_called


def total_changes(changes: list[RowChanges]) -> dict[str, RowChanges]:
    """Row changes of several statements, added up per table."""
    totals: dict[str, RowChanges] = {}
    for change in changes:
        so_far = totals.get(change.table, RowChanges(table=change.table))
        totals[change.table] = RowChanges(
            table=change.table,
            inserted=so_far.inserted + change.inserted,
            updated=so_far.updated + change.updated,
            deleted=so_far.deleted + change.deleted,
            truncated=so_far.truncated or change.truncated,
        )
    return totals
