"""`python -m tests.equality [FOLDER...]`: one line per folder; exits with 1 when one of them is told apart."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import cleanse_environment
from tasks.clients.programs import Programs, all_installed, embedded_programs
from tasks.drizzle.folder import holds, read_folder
from tasks.gate.errors import GateError
from tests.equality.bench import Bench
from tests.equality.compare import compare
from tests.equality.daily import one_by_one
from tests.equality.histories import histories
from tests.equality.node import Drizzle, NoNode
from tests.equality.prerequisites import stand_ins
from tests.equality.samples import SAMPLES
from tests.equality.silent import SCENES, shown, silent_failures
from tests.equality.told_apart import Found
from tests.servers.postgres import FAST

WITH_CONTROL_PATH = 18  # the first major that looks for extensions in other folders


class Subject(NamedTuple):
    """A folder to compare on."""

    name: str
    folder: Path
    schema: str
    table: str
    kit: bool
    halves: bool
    word: str = ""  # the verdict that our own sample must come to


def main(arguments: list[str]) -> int:
    """Compare on the folders given, or on our own; returns the exit code."""
    given = _parser().parse_args(arguments)
    for folder in given.folder:
        if not folder.is_dir():
            print(f"{folder} is no folder", file=sys.stderr)
            return 2
        if not any(map(holds, histories(folder))):
            print(f"{folder}: no Drizzle migrations in it or below it", file=sys.stderr)
            return 2
    cleanse_environment()
    with tempfile.TemporaryDirectory(prefix="gate-equality-") as room, ExitStack() as closing:
        Path(room).chmod(0o755)  # the server may run under an account of its own
        try:
            subjects = list(_subjects(given, Path(room)))
            tools = {generation: closing.enter_context(Drizzle(generation)) for generation in (0, 1)}
            server = closing.enter_context(_server(given.pg_bin, subjects, Path(room)))
        except (NoNode, GateError) as error:
            print(error, file=sys.stderr)
            return 2
        if given.silent_failures:
            return _silent(server, tools, Path(room))
        different = sum(_line(given, subject, server, tools) for subject in subjects)
    print(f"{len(subjects) - different} of {len(subjects)} folders: nothing is told apart")
    return 1 if different else 0


def _silent(server: EmbeddedServer, tools: dict[int, Drizzle], room: Path) -> int:
    """Drizzle's own silent failures beside what Gate makes of them; 1 when Gate lets one through."""
    through = 0
    for told in silent_failures((Bench(server, tools[0]), Bench(server, tools[1])), room):
        print(f"{shown(told)}\n", flush=True)
        through += not told.gate_stopped
    print(f"{len(SCENES) - through} of {len(SCENES)} are stopped by Gate")
    return 1 if through else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.equality", description=__doc__)
    add = parser.add_argument
    add("--only", default="", help="of our own samples those whose name contains this")
    add("folder", nargs="*", type=Path, help="of migrations, or a project with some below; none: our own samples")
    add("--schema", default="drizzle", help="of the ledger, for the folders given")
    add("--table", default="__drizzle_migrations", help="of the ledger, for the folders given")
    add("--kit", action="store_true", help="let drizzle-kit migrate a database, too")
    add("--whole", action="store_true", help="no hand-over in the middle")
    add("--one-by-one", action="store_true", help="also one migration a day, as the project was deployed")
    add("--silent-failures", action="store_true", help="instead, show where Drizzle fails silently, and Gate beside it")
    add("--prepare", type=Path, help="SQL that every database gets first: a search_path, roles, a platform's schemas")
    add("--pg-bin", type=Path, help="programs of the PostgreSQL to compare on; the embedded one's unless given")
    return parser


def _subjects(given: argparse.Namespace, room: Path) -> Iterator[Subject]:
    for project in given.folder:
        for folder in histories(project):
            yield Subject(str(folder), folder.resolve(), given.schema, given.table, given.kit, not given.whole)
    if given.folder or given.silent_failures:
        return
    for number, sample in enumerate(sample for sample in SAMPLES if given.only in sample.title):
        folder = sample.write(room / f"sample-{number}")
        yield Subject(sample.title, folder, sample.schema, sample.table, sample.kit, sample.halves, sample.word)


def _server(pg_bin: Path | None, subjects: Sequence[Subject], room: Path) -> EmbeddedServer:
    programs = _inspect(pg_bin) if pg_bin else embedded_programs()
    settings = {**FAST, "max_locks_per_transaction": "256"}
    if programs.major < WITH_CONTROL_PATH:
        return EmbeddedServer(programs, settings)
    available = {path.stem for path in programs.directory.parent.rglob("extension/*.control")}
    texts = {subject.name: _text(subject.folder) for subject in subjects}
    stand_ins(texts, available, room / "extensions")
    return EmbeddedServer(programs, {**settings, "extension_control_path": f"$system:{room / 'extensions'}"})


def _inspect(folder: Path) -> Programs:
    return all_installed(folder)[0]


def _text(folder: Path) -> str:
    files = [*folder.glob("*.sql"), *folder.glob("*/*.sql")]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())


def _line(given: argparse.Namespace, subject: Subject, server: EmbeddedServer, tools: dict[int, Drizzle]) -> bool:
    """Compare on one folder and print its line; whatever goes wrong belongs to that folder alone."""
    began = time.monotonic()
    generation, count = _layout(subject.folder)
    prepare = [given.prepare.read_text(encoding="utf-8")] if given.prepare else []
    bench = Bench(server, tools[generation], subject.schema, subject.table, prepare)
    try:
        found = compare(bench, subject.folder, halves=subject.halves, kit=subject.kit)
        if given.one_by_one:
            one_by_one(bench, found, subject.folder)
    except Exception as error:  # noqa: BLE001  (one folder must not end the others)
        found = Found(differences=[f"the comparison itself failed: {type(error).__name__}: {error}"])
    # Of another major more may be the same, or better: enum values of new types are one case.
    if subject.word and not given.pg_bin and not found.differences and found.word != subject.word:
        found.differences.append(f"expected the verdict {subject.word}, not {found.word}")
    took = time.monotonic() - began
    said = "; ".join(found.notes)
    print(
        f"{found.verdict:<9} {subject.name}: generation {generation}, {count} migrations, {took:.1f} s"
        + (f" ({said})" if said else ""),
        flush=True,
    )
    for line in found.differences:
        print(f"    {line}", flush=True)
    return bool(found.differences)


def _layout(folder: Path) -> tuple[int, int]:
    """The generation and the number of migrations, also of a folder that cannot be read."""
    try:
        found = read_folder(folder)
    except GateError:
        return (0 if (folder / "meta").exists() else 1), 0
    return found.generation, len(found.migrations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
