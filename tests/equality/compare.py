"""One folder, both tools: databases migrated by one, by the other and by both in turn must not be told apart.

What counts as equal:
* both succeed: same schema (`pg_dump -s`), same ledger rows in the same order, as many rows in every table, and neither
  tool finds anything to do afterwards, also after the work was handed over in the middle, in either direction;
* both fail: with the same code, and Gate leaves what Drizzle leaves, or the database as it was, which is better;
* Gate refuses what Drizzle cannot run, or skips in silence: Gate leaves the database as it was;
* Gate runs what Drizzle cannot: Drizzle's own migrator then finds nothing to do.
Gate refusing what Drizzle runs to its end is a difference, and is said as one.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from tasks.drizzle.folder import read_folder
from tasks.gate.errors import GateError
from tests.equality.bench import Bench, End, Picture
from tests.equality.daily import one_by_one
from tests.equality.earlier import first_half
from tests.equality.node import DrizzleFailed
from tests.equality.prerequisites import ROUNDS, remedy, words
from tests.equality.told_apart import DONE, After, Found, after, both_fail, not_alike, told_apart

Step = tuple[Callable[[Path, SecretStr], End], Path]


class Reference(NamedTuple):
    """What Drizzle itself came to."""

    end: End
    picture: Picture
    after: After

    @property
    def silent(self) -> bool:
        """True when it said success and left something undone."""
        return not self.end.code and self.after != DONE


def compare(bench: Bench, folder: Path, *, halves: bool = True, kit: bool = False) -> Found:
    """Every difference between the two tools on one folder, in words.

    Args:
        bench: a server and the tool of the folder's generation.
        folder: of migrations.
        halves: with a hand-over in the middle, in either direction, where one run of the whole succeeds.
        kit: let the command line migrate a database, too.
    """
    found = Found()
    try:
        found.differences += _reading(bench, folder)
    except DrizzleFailed as failure:
        return _unreadable(folder, failure)
    except GateError as error:
        return _only_drizzle_reads(bench, folder, error)
    expected = _reference(bench, found, folder)
    if expected.silent:
        found.notes.append(f"Drizzle says success and leaves undone: {', '.join(expected.after.pending[:3])}")
    with bench.database() as url:
        end = bench.by_gate(folder, url)
        _judge(bench, found, folder, url, expected, end)
    if kit and not expected.end.code:
        _same(bench, found, folder, [(bench.by_kit, folder)], (expected, "drizzle-kit"))
    if halves and not expected.end.code and not end.code:
        _hand_over(bench, found, folder, expected)
    if expected.end.code or (end.code and not found.differences):
        one_by_one(bench, found, folder)
    return found


def _unreadable(folder: Path, failure: DrizzleFailed) -> Found:
    try:
        read_folder(folder)
    except GateError as error:
        return Found("same", notes=[f"neither can read it: {error.message}"])
    return Found(differences=[f"Drizzle cannot read what Gate reads: {failure.said or failure.code}"])


def _only_drizzle_reads(bench: Bench, folder: Path, error: GateError) -> Found:
    """Gate refuses the files as such, before any database; better where Drizzle fails at them, or they are no SQL of
    PostgreSQL's."""
    with bench.database() as url:
        end = bench.by_drizzle(folder, url)
    notes = [f"Gate refuses the folder: {error.message}", f"Drizzle: {end}"]
    if end.code or error.nouns.get("kind") == "journal-dialect":
        return Found("better", notes=notes)
    return Found(differences=["Gate cannot read what Drizzle applies", *notes])


def _reading(bench: Bench, path: Path) -> Iterator[str]:
    """The files before any database: order, pieces, hashes, times."""
    theirs = [
        (m["sql"], m["hash"], None if m["millis"] is None else int(m["millis"]), m["name"])
        for m in bench.drizzle.ask("read", folder=str(path))
    ]
    ours = [(list(m.statements), m.hash, m.created_at, m.name) for m in read_folder(path).migrations]
    if ours != theirs:
        at = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(ours))
        yield f"the files are read differently from number {at}: {json.dumps(ours[at : at + 1])[:300]}"


def _reference(bench: Bench, found: Found, folder: Path) -> Reference:
    """Drizzle's own run, on a database that has what the history takes for granted."""
    text = "\n".join(piece for migration in read_folder(folder).migrations for piece in migration.statements)
    while True:
        with bench.database() as url:
            end = bench.by_drizzle(folder, url)
            missing = remedy(end.code, end.said, text)
            known = missing is None or missing in bench.prepare or len(bench.prepare) > ROUNDS
            if missing is None or known or not bench.takes(missing):
                picture = bench.picture(url)
                return Reference(end, picture, DONE if end.code else after(bench, folder, url))
        bench.prepare.append(missing)
        found.notes.append(f"made first: {words(missing)}")


def _judge(bench: Bench, found: Found, folder: Path, url: SecretStr, expected: Reference, end: End) -> None:
    """What the one run of each came to."""
    left = bench.picture(url)
    if not expected.end.code and not end.code:
        found.differences += told_apart(expected.picture, left, "Gate")
        found.differences += not_alike(expected.after, after(bench, folder, url), "Gate")
    elif not expected.end.code and expected.silent and end.refused:
        found.word = "better"
        found.notes.append(f"Gate: {end}")
    elif not expected.end.code:
        found.differences.append(f"Drizzle applies it, and Gate ends with {end}")
    elif not end.code:
        found.word = "better"
        found.notes.append(f"Gate applies what Drizzle cannot ({expected.end.code}, {expected.end.said})")
        found.differences += not_alike(DONE, after(bench, folder, url), "Gate")
    else:
        _both_failed(bench, found, expected, end, left)


def _both_failed(bench: Bench, found: Found, expected: Reference, end: End, left: Picture) -> None:
    if not end.refused and end.code != expected.end.code:
        found.differences.append(f"Drizzle fails with {expected.end}, Gate with {end}")
    found.notes.append(both_fail(expected.end, end))
    empty = _empty(bench)
    if left not in empty:
        found.differences += [f"{line}, although it failed" for line in told_apart(expected.picture, left, "Gate")]
    elif expected.picture not in empty:
        found.word = "better"
        found.notes.append("Drizzle leaves a part behind; Gate leaves the database as it was")


def _empty(bench: Bench) -> list[Picture]:
    """Before anything, and with the empty ledger of either generation that both tools make before they begin."""
    pictures = []
    for generation in (None, 0, 1):
        with bench.database() as url:
            if generation is not None:
                bench.make_ledger(url, generation)
            pictures.append(bench.picture(url))
    return pictures


def _same(bench: Bench, found: Found, folder: Path, steps: Sequence[Step], against: tuple[Reference, str]) -> None:
    expected, name = against
    with bench.database() as url:
        end = [step(path, url) for step, path in steps][-1]
        if end.code:
            found.differences.append(f"{name} ends with {end}")
            return
        found.differences += told_apart(expected.picture, bench.picture(url), name)
        found.differences += not_alike(expected.after, after(bench, folder, url), name)


def _hand_over(bench: Bench, found: Found, folder: Path, expected: Reference) -> None:
    """Half by one tool and the rest by the other; Drizzle in two runs may itself differ from Drizzle in one."""
    with tempfile.TemporaryDirectory(prefix="gate-half-") as room:
        half = first_half(folder, Path(room) / "half")
        if half is None:
            return
        with bench.database() as url:
            end = [bench.by_drizzle(half, url), bench.by_drizzle(folder, url)][-1]
            twice = Reference(end, bench.picture(url), after(bench, folder, url))
        if twice.end.code:
            found.notes.append(f"in two runs Drizzle fails with {twice.end}")
            return
        if twice.silent:
            _skipped_in_two_runs(bench, found, folder, half, twice)
            return
        if twice.picture != expected.picture:
            found.notes.append("in two runs Drizzle leaves something else than in one")
        for name, steps in (
            ("Gate, then Drizzle", [(bench.by_gate, half), (bench.by_drizzle, folder)]),
            ("Drizzle, then Gate", [(bench.by_drizzle, half), (bench.by_gate, folder)]),
        ):
            _same(bench, found, folder, steps, (twice, name))


def _skipped_in_two_runs(bench: Bench, found: Found, folder: Path, half: Path, twice: Reference) -> None:
    found.notes.append(f"in two runs Drizzle skips silently, and Gate refuses: {twice.after.pending[0]}")
    with bench.database() as url:
        bench.by_drizzle(half, url)
        end = bench.by_gate(folder, url)
    if end.code != "refused: skipped":
        found.differences.append(f"Drizzle skips silently in two runs, and Gate ends with {end}")
