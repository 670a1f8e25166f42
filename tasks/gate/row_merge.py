"""Compares two streams of rows in the order of their keys, in one pass and without holding either."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

HALF = 1 << 31
WHOLE = 1 << 32


class Row(NamedTuple):
    """One row, as far as a comparison needs it."""

    key: tuple[str, ...]  # the primary key as text; the content hash where there is none
    content: int  # hash of the compared columns
    ctid: str  # where it is in its database
    xmin: int  # the transaction that wrote it, 32 bits


@dataclass
class Counted:
    """What the comparison of one table came to."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    by_migration: int = 0
    failed: int = 0
    restored: int = 0
    keep: list[str] = field(default_factory=list)  # ctids in the failed database of rows that people wrote


def pairs(failed: Iterator[Row], restored: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows of both streams side by side; None where one of them has no row of that key.

    Both streams must be sorted by key. Where a key occurs more than once, as a content does, each is paired once.
    """
    left, right = next(failed, None), next(restored, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.key < right.key):
            yield left, None
            left = next(failed, None)
        elif left is None or right.key < left.key:
            yield None, right
            right = next(restored, None)
        else:
            yield left, right
            left, right = next(failed, None), next(restored, None)


def count_differences(
    failed: Iterator[Row],
    restored: Iterator[Row],
    *,
    boundary: int | None,
    migration: Collection[int],
    keep_at_most: int,
) -> Counted:
    """Count what differs; rows that were written into the restored database after the swap are not missed.

    Args:
        failed: rows of the failed database.
        restored: rows of the restored one.
        boundary: transaction id as of the swap, 32 bits.
        migration: transaction ids of the plan, 32 bits; none when its rows cannot be told from others.
        keep_at_most: how many rows to remember for the salvage.
    """
    counted = Counted()
    for there, here in pairs(failed, restored):
        later = here is not None and boundary is not None and not_before(here.xmin, boundary)
        counted.failed += there is not None
        counted.restored += here is not None and not later
        if there is None:
            counted.deleted += not later
        elif here is None or here.content != there.content:
            counted.inserted += here is None
            counted.updated += here is not None
            own = there.xmin in migration
            counted.by_migration += own
            if not own and len(counted.keep) < keep_at_most:
                counted.keep.append(there.ctid)
    return counted


def not_before(xid: int, boundary: int) -> bool:
    """True when a 32-bit transaction id is the boundary or after it, in PostgreSQL's circular order."""
    return xid >= 3 and (xid - boundary) % WHOLE < HALF  # noqa: PLR2004  (0 to 2 are special)
