"""As a project was deployed, one migration a day: how far both tools come, and whether they still agree there."""

import tempfile
from pathlib import Path

from tasks.drizzle.folder import read_folder
from tests.equality.bench import Bench, End
from tests.equality.earlier import day_by_day
from tests.equality.told_apart import Found, both_fail, told_apart


def one_by_one(bench: Bench, found: Found, folder: Path) -> None:
    """As it was deployed, one migration a day: how far both come, and whether they still agree there."""
    total = len(read_folder(folder).migrations)
    ends = End(), End()
    done = 0
    with tempfile.TemporaryDirectory(prefix="gate-days-") as room, bench.database() as one, bench.database() as other:
        for today in day_by_day(folder, Path(room) / "drizzle"):
            before = bench.rows(one)
            ends = bench.by_drizzle(today, one), bench.by_gate(today, other)
            if ends[0].code or ends[1].code:
                _last_day(found, *ends, silent=bench.rows(one) == before)
                break
            done += 1
        found.notes.append(f"one migration a day: {done} of {total} are the same")
        if (not ends[0].code and not ends[1].code) or (ends[0].code and ends[1].code and not ends[1].refused):
            found.differences += told_apart(bench.picture(one), bench.picture(other), "Gate, one a day,")


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
