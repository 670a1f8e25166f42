"""Open branches of generation 1, from the snapshots: said to the approver, and never decides anything."""

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.gate.errors import GateError
from tasks.migration_files import read_bytes

SNAPSHOT = "snapshot.json"
NEWEST = 50  # folders: branches are open where the history ends
HEAD = re.compile(r'"id"\s*:\s*"([^"]+)"\s*,\s*"prevIds"\s*:\s*\[([^\]]*)\]')  # as drizzle-kit orders its keys
IDS = re.compile(r'"([^"]+)"')


def open_branches(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """A sentence when the history has several ends; a folder without a snapshot takes part in none.

    Args:
        folder: of migrations.
        names: of the migrations, in order.
    """
    ids: dict[str, str] = {}
    parents: set[str] = set()
    for name in names[-NEWEST:]:
        if found := _head(folder, f"{name}/{SNAPSHOT}"):
            ids[found[1]] = name
            parents.update(IDS.findall(found[2]))
    ends = [name for snapshot, name in ids.items() if snapshot not in parents]
    if len(ends) < 2:  # noqa: PLR2004
        return ()
    sentence = (
        f"{' and '.join(ends)} are open branches: drizzle-kit 1.0 refuses where they conflict, and its migrator runs"
        " them all, as the gate does, in the order of their names; the rehearsal shows whether they fit together"
    )
    return (sentence,)


def _head(folder: Path, file: str) -> re.Match[str] | None:
    try:
        return HEAD.search(read_bytes(folder, file).decode("utf-8", "replace"))
    except GateError:
        return None
