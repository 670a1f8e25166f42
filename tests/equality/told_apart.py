"""What tells two migrated databases apart, and what a comparison came to, in words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from tests.equality.bench import Bench, End, Picture


@dataclass
class Found:
    """What the comparison of one folder came to."""

    word: str = "same"
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """One word or two for the line of this folder."""
        return "DIFFERENT" if self.differences else self.word


class After(NamedTuple):
    """What is left to do on a migrated database."""

    pending: tuple[str, ...]  # as Gate sees it
    code: str  # how Drizzle ends when it is started again
    again: bool  # and whether that wrote rows


DONE = After((), "", again=False)


def both_fail(drizzle: End, gate: End) -> str:
    if drizzle.code == gate.code:
        return f"both fail with {gate}"
    return (
        f"Drizzle fails with {drizzle.code}{f', {drizzle.said}' if drizzle.said != drizzle.code else ''}; Gate: {gate}"
    )


def told_apart(expected: Picture, found: Picture, name: str) -> Iterator[str]:
    if expected.schema != found.schema:
        yield f"the schema after {name} differs: {_first_difference(expected.schema, found.schema)}"
    if expected.rows != found.rows:
        at = next((n for n, pair in enumerate(zip(expected.rows, found.rows, strict=False)) if pair[0] != pair[1]), -1)
        yield (
            f"the ledger after {name} differs: {len(found.rows)} rows instead of {len(expected.rows)}"
            + (f", first at {found.rows[at]} instead of {expected.rows[at]}" if at >= 0 else "")
        )
    if expected.counts != found.counts:
        yield f"the tables after {name} hold other numbers of rows"


def _first_difference(expected: str, found: str) -> str:
    pairs = zip(expected.splitlines(), found.splitlines(), strict=False)
    return next((f"{b!r} instead of {a!r}" for a, b in pairs if a != b), "one is longer")


def after(bench: Bench, path: Path, url: SecretStr) -> After:
    """Whether either tool still finds something to do."""
    pending = tuple(bench.pending(path, url))
    before = bench.rows(url)
    end = bench.by_drizzle(path, url)
    return After(pending, end.code, bench.rows(url) != before)


def not_alike(expected: After, found: After, name: str) -> Iterator[str]:
    if found.pending != expected.pending:
        theirs = list(expected.pending[:3])
        yield f"after {name}, Gate sees {list(found.pending[:3])} as pending, after Drizzle {theirs}"
    if found[1:] != expected[1:]:
        yield f"after {name}, Drizzle did something again ({found.code or 'success'})"
