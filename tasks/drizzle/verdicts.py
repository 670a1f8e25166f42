"""What Drizzle itself would do with a statement that refuses the release (facts: Drizzle 8), by the problem's name."""

from collections.abc import Iterable

from tasks.gate.plan import Problem

ROLLED_BACK = "which rolls the whole run back; drizzle-kit 0.x prints no cause"
WOULD = {
    "no-transaction": f"fails with 25001, {ROLLED_BACK}",
    "unnamed-index": f"fails with 25001, {ROLLED_BACK}",
    "transaction-control": "sends it: what ran before is committed or undone, its rows may be lost, and a later failure"
    " leaves a half-applied migration",
    "session": "sends it: the setting stays for every later migration of the run, and for its own row",
    "copy": f"hangs or fails at the rows of COPY, {ROLLED_BACK}",
    "psql": f"fails with 42601 at the backslash, {ROLLED_BACK}",
    "byte-order-mark": f"fails with 42601, {ROLLED_BACK}",
    "marker": f"splits the file there and fails with 42601, {ROLLED_BACK}",
    "nul": f"fails with 08P01, {ROLLED_BACK}",
    "syntax": f"fails with 42601, {ROLLED_BACK}",
}


def with_drizzles_part(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same problems, each saying what Drizzle would do where that is known."""
    return tuple(
        p.model_copy(update={"drizzle": WOULD[p.kind]}) if p.kind in WOULD and not p.drizzle else p for p in problems
    )
