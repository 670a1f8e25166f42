"""As a project was deployed, one migration a day: how far both tools come, and whether they still agree there."""

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from tasks.drizzle.folder import read_folder
from tests.equality.bench import Bench, End, Picture
from tests.equality.earlier import day_by_day
from tests.equality.told_apart import Found, both_fail, told_apart


class _Day(NamedTuple):
    """How one day's deployment ended."""

    end: End
    silent: bool  # no row was written


def one_by_one(bench: Bench, found: Found, folder: Path) -> None:
    """As it was deployed, one migration a day: how far both come, and whether they still agree there."""
    total = len(read_folder(folder).migrations)
    drizzle, expected = _days(bench, bench.by_drizzle, folder, total)
    gate, left = _days(bench, bench.by_gate, folder, len(drizzle))
    last, ours = drizzle[len(gate) - 1 : len(gate)], gate[-1:]
    if last and (last[0].end.code or ours[0].end.code):
        _last_day(found, last[0].end, ours[0].end, silent=last[0].silent)
    done = sum(not a.end.code and not b.end.code for a, b in zip(drizzle, gate, strict=False))
    found.notes.append(f"one migration a day: {done} of {total} are the same")
    alike = not last or (bool(last[0].end.code) is bool(ours[0].end.code) and not ours[0].end.refused)
    if len(gate) == len(drizzle) and alike:
        found.differences += told_apart(expected, left, "Gate, one a day,")


def _days(bench: Bench, tool: Callable[[Path, SecretStr], End], folder: Path, most: int) -> tuple[list[_Day], Picture]:
    """Day after day until one fails, in a database of its own: roles are the cluster's, and one makes them once."""
    days: list[_Day] = []
    with tempfile.TemporaryDirectory(prefix="gate-days-") as room, bench.database() as url:
        for today in islice(day_by_day(folder, Path(room) / "drizzle"), most):
            before = bench.rows(url)
            end = tool(today, url)
            days.append(_Day(end, silent=bench.rows(url) == before))
            if end.code:
                break
        return days, bench.picture(url)


def _last_day(found: Found, drizzle: End, gate: End, *, silent: bool) -> None:
    if not drizzle.code and silent and gate.code == "refused: skipped":
        found.word = "better"
        found.notes.append(f"one a day, Drizzle skips silently what Gate refuses: {gate.tag}")
    elif not drizzle.code and gate.refused and found.word == "better":
        found.notes.append(f"one a day, Drizzle says success, and Gate: {gate.code}")
    elif not drizzle.code:
        found.differences.append(f"one a day, Drizzle applies it, and Gate ends with {gate}")
    elif gate.code and not gate.refused and drizzle.code != gate.code:
        found.differences.append(f"one a day, Drizzle fails with {drizzle}, Gate with {gate}")
    else:
        found.notes.append(f"one a day, {both_fail(drizzle, gate)}")
