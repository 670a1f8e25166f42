"""`python -m tests.equality [FOLDER...]`: one line per folder; exits with 1 when one of them is told apart."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import cleanse_environment
from tasks.drizzle.folder import read_folder
from tasks.gate.errors import GateError
from tests.equality.compare import Bench, compare, first_half
from tests.equality.node import Drizzle, NoNode
from tests.equality.samples import SAMPLES
from tests.servers.postgres import FAST


class Subject(NamedTuple):
    """A folder to compare on."""

    name: str
    folder: Path
    generation: int
    schema: str
    table: str
    kit: bool
    halves: bool


def main(arguments: list[str]) -> int:
    """Compare on the folders given, or on our own; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.equality", description=__doc__)
    parser.add_argument(
        "folder", nargs="*", type=Path, help="a folder of migrations; our own samples when none is given"
    )
    parser.add_argument("--schema", default="drizzle", help="of the ledger, for the folders given")
    parser.add_argument("--table", default="__drizzle_migrations", help="of the ledger, for the folders given")
    parser.add_argument("--kit", action="store_true", help="let drizzle-kit migrate a database, too")
    parser.add_argument("--whole", action="store_true", help="no hand-over in the middle")
    given = parser.parse_args(arguments)
    cleanse_environment()
    different = 0
    with tempfile.TemporaryDirectory(prefix="gate-equality-") as room, ExitStack() as closing:
        try:
            subjects = list(_subjects(given, Path(room)))
            tools = {
                generation: closing.enter_context(Drizzle(generation))
                for generation in sorted({subject.generation for subject in subjects})
            }
        except (NoNode, GateError) as error:
            print(error, file=sys.stderr)
            return 2
        server = closing.enter_context(EmbeddedServer(settings=FAST))
        for number, subject in enumerate(subjects):
            half = first_half(subject.folder, Path(room) / f"half-{number}") if subject.halves else None
            bench = Bench(server, tools[subject.generation], subject.schema, subject.table)
            found = compare(bench, subject.folder, half, kit=subject.kit)
            different += bool(found)
            count = len(read_folder(subject.folder).migrations)
            verdict = "DIFFERENT" if found else "same"
            print(f"{verdict}  {subject.name}: generation {subject.generation}, {count} migrations", flush=True)
            for line in found:
                print(f"    {line}", flush=True)
    print(f"{len(subjects) - different} of {len(subjects)} folders leave the same behind")
    return 1 if different else 0


def _subjects(given: argparse.Namespace, room: Path) -> Iterator[Subject]:
    for folder in given.folder:
        generation = read_folder(folder).generation
        yield Subject(str(folder), folder, generation, given.schema, given.table, given.kit, not given.whole)
    if given.folder:
        return
    for number, sample in enumerate(SAMPLES):
        folder = sample.write(room / f"sample-{number}")
        yield Subject(sample.name, folder, sample.generation, sample.schema, sample.table, sample.kit, sample.halves)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
