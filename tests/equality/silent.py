"""Drizzle's own silent failures: what drizzle-kit says and does, beside what Gate says and does, from real runs."""

import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.clients import postgres
from tests.equality.bench import Bench, End
from tests.equality.node import Drizzle
from tests.equality.sample import FIRST_WHEN, Sample, Step, texts

ACCOUNT = "create table if not exists account as select 100 as value;"
CHARGE = "update account set value = value - 10;"
SLOW_CHARGE = texts("select pg_sleep(1.5);", CHARGE)
COLUMN = "alter table account add column note text;"
LEDGER = "drizzle.__drizzle_migrations"
SUCCESS = "migrations applied successfully!"
WIDTH = 118


@dataclass
class Scene:
    """A database, both generations of Drizzle, and a room for folders."""

    room: Path
    url: SecretStr
    benches: tuple[Bench, Bench]
    number: int = 0

    def folder(self, generation: int, *steps: Step) -> Path:
        """A folder of migrations."""
        self.number += 1
        return Sample("scene", generation, steps).write(self.room / f"{self.number}")

    def migrate(self, folder: Path, generation: int = 0) -> None:
        """By Drizzle's own migrator, silently, as the time before the failure."""
        end = self.benches[generation].by_drizzle(folder, self.url)
        assert not end.code, end

    def kit(self, folder: Path, generation: int = 0) -> str:
        """`drizzle-kit migrate`: the exit code, and what it printed last."""
        bench = self.benches[generation]
        done = bench.drizzle.kit(folder, self.url.get_secret_value(), bench.schema, bench.table)
        said = f"[✓] {SUCCESS}" if SUCCESS in done.out else "nothing but its spinner"
        return f"exit {done.code}, prints {said}"

    def gate(self, folder: Path, generation: int = 0) -> End:
        """What `gate plan` comes to, and the apply where it lets that go on."""
        return self.benches[generation].by_gate(folder, self.url)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """SQL as the owner."""
        with postgres.connect(self.url, purpose="equality") as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def state(self) -> str:
        """What the account shows."""
        rows = self.sql(f"select (select value from account), (select count(*) from {LEDGER})")
        columns = self.sql("select attname from pg_attribute where attrelid = 'account'::regclass and attnum > 0")
        return f"value {rows[0][0]}, columns {', '.join(c for (c,) in columns)}, {rows[0][1]} rows in the ledger"


@dataclass(frozen=True)
class Told:
    """One line of the table."""

    title: str
    kit_says: str
    kit_did: str
    gate_says: str
    gate_did: str
    gate_stopped: bool = field(default=True)


def _both(scene: Scene, folder: Path, generation: int, title: str, harm: str) -> Told:
    """Gate first, which must change nothing, then drizzle-kit."""
    before = scene.state()
    end = scene.gate(folder, generation)
    untouched = scene.state() == before
    says = scene.kit(folder, generation)
    return Told(
        title,
        says,
        f"{harm}: {scene.state()}",
        str(end),
        "nothing: the database is as before" if untouched else f"changed it: {scene.state()}",
        end.refused and untouched,
    )


def skipped(scene: Scene) -> Told:
    """A branch that was merged late."""
    first, late = Step("0000_account", ACCOUNT), Step("0001_late", COLUMN, when=FIRST_WHEN + 500)
    newest = Step("0002_charge", CHARGE, when=FIRST_WHEN + 1000)
    scene.migrate(scene.folder(0, first, newest))
    title = "0.x: an entry older than the newest applied one"
    return _both(scene, scene.folder(0, first, late, newest), 0, title, "never runs it")


def hand_made(scene: Scene) -> Told:
    """Somebody marked a hotfix as applied, with now()."""
    first, new = Step("0000_account", ACCOUNT), Step("0001_note", COLUMN)
    scene.migrate(scene.folder(0, first))
    scene.sql(f"insert into {LEDGER} (hash, created_at) values ('hotfix', extract(epoch from now()) * 1000)")
    return _both(
        scene, scene.folder(0, first, new), 0, "0.x: a row made by hand with now()", "never runs what is older"
    )


def null_time(scene: Scene) -> Told:
    """A row without a time."""
    folder = scene.folder(0, Step("0000_account", ACCOUNT), Step("0001_charge", CHARGE))
    scene.migrate(folder)
    scene.sql(f"update {LEDGER} set created_at = null where id = 1")
    return _both(scene, folder, 0, "0.x: a row without created_at", "runs everything again, and charges twice")


def restamped(scene: Scene) -> Told:
    """The journal was regenerated."""
    scene.migrate(scene.folder(0, Step("0000_account", ACCOUNT), Step("0001_charge", CHARGE)))
    folder = scene.folder(0, Step("0000_account", ACCOUNT), Step("0001_charge", CHARGE, when=FIRST_WHEN + 5000))
    return _both(scene, folder, 0, "0.x: an applied entry got a later time", "charges twice")


def edited(scene: Scene) -> Told:
    """An applied file was edited."""
    scene.migrate(scene.folder(0, Step("0000_account", ACCOUNT), Step("0001_note", "select 1;")))
    folder = scene.folder(0, Step("0000_account", ACCOUNT), Step("0001_note", COLUMN))
    return _both(scene, folder, 0, "0.x: an applied file was edited", "never compares, the edit never arrives")


def rolled_back(scene: Scene) -> Told:
    """ROLLBACK in a file."""
    scene.migrate(scene.folder(0, Step("0000_account", ACCOUNT)))
    steps = (
        Step("0000_account", ACCOUNT),
        Step("0001_note", COLUMN),
        Step("0002_undo", "rollback;"),
        Step("0003_x", CHARGE),
    )
    return _both(
        scene, scene.folder(0, *steps), 0, "0.x: ROLLBACK in a file", "loses 0001_note, and never runs it again"
    )


def without_a_word(scene: Scene) -> Told:
    """A failing migration."""
    steps = Step("0000_account", ACCOUNT), Step("0001_note", "alter table nowhere add column note text;")
    scene.migrate(scene.folder(0, steps[0]))
    told = _both(scene, scene.folder(0, *steps), 0, "0.x: a migration fails", "rolls back, and does not say why")
    return Told(**{**vars(told), "gate_stopped": "0001_note" in told.gate_says or "nowhere" in told.gate_says})


def renamed(scene: Scene) -> Told:
    """An applied folder was renamed."""
    first = Step("20250601120000_account", ACCOUNT)
    scene.migrate(scene.folder(1, first, Step("20250602120000_charge", CHARGE)), 1)
    folder = scene.folder(1, first, Step("20250602120000_fee", CHARGE))
    return _both(scene, folder, 1, "1.0: an applied folder was renamed", "charges twice")


def switched_back(scene: Scene) -> Told:
    """0.x wrote into a table of 1.0."""
    old = Step("0000_account", ACCOUNT), Step("0001_charge", CHARGE)
    new = Step("20250615150640_account", ACCOUNT), Step("20250615150641_charge", CHARGE)
    scene.migrate(scene.folder(1, new[0]), 1)
    scene.migrate(scene.folder(0, *old))
    return _both(scene, scene.folder(1, *new), 1, "1.0 after 0.x wrote into its table", "charges twice")


def upgraded(scene: Scene) -> Told:
    """What 0.x had skipped comes back."""
    first, late = Step("0000_account", ACCOUNT), Step("0001_late", CHARGE, when=FIRST_WHEN + 1000)
    newest = Step("0002_note", COLUMN, when=FIRST_WHEN + 2000)
    scene.migrate(scene.folder(0, first, newest))
    scene.migrate(scene.folder(0, first, late, newest))
    up = [Step(f"2025061515064{n}_step", text) for n, text in enumerate((ACCOUNT, CHARGE, COLUMN))]
    return _both(scene, scene.folder(1, *up), 1, "1.0: the upgrade of the table", "runs what 0.x skipped years ago")


def no_folder(scene: Scene) -> Told:
    """A wrong path."""
    scene.migrate(scene.folder(1, Step("20250615150640_account", ACCOUNT)), 1)
    missing = scene.room / "nowhere"
    return _both(
        scene, missing, 1, "1.0: the folder does not exist", f"makes it: {missing.exists() or 'an empty folder'}"
    )


def at_once(scene: Scene) -> Told:
    """Two migrators together."""
    bench = scene.benches[0]
    steps = Step("0000_account", ACCOUNT), Step("0001_charge", SLOW_CHARGE)
    scene.migrate(scene.folder(0, steps[0]))
    folder = scene.folder(0, *steps)
    with Drizzle(0) as second:
        other = Bench(bench.server, second)
        ends = _together(lambda: bench.by_drizzle(folder, scene.url), lambda: other.by_drizzle(folder, scene.url))
    says = " and ".join("success" if not end.code else end.code for end in ends)
    did = f"both run it: {scene.state()}"
    scene.sql(f"update account set value = 100; delete from {LEDGER} where id > 1")
    ends = _together(lambda: bench.by_gate(folder, scene.url), lambda: bench.by_gate(folder, scene.url))
    said = " and ".join("success" if not end.code else end.said for end in ends)
    once = scene.sql("select value from account") == [(90,)]
    return Told("0.x: two migrators at once", says, did, said, f"runs it once: {scene.state()}", once)


def _together(*runs: Callable[[], End]) -> list[End]:
    ends: list[End] = []
    threads = [threading.Thread(target=lambda run=run: ends.append(run())) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


SCENES = (
    skipped, hand_made, null_time, restamped, edited, rolled_back, without_a_word, at_once, renamed, switched_back,
    upgraded, no_folder,
)  # fmt: skip


def silent_failures(benches: tuple[Bench, Bench], room: Path) -> Iterator[Told]:
    """Each scene on a database of its own."""
    for number, scene in enumerate(SCENES):
        with benches[0].database() as url:
            place = room / f"scene-{number}"
            place.mkdir()
            yield scene(Scene(place, url, benches))


def shown(told: Told) -> str:
    """One scene for the terminal."""
    lines = [told.title if told.gate_stopped else f"{told.title}: NOT STOPPED"]
    for who, text in (
        ("drizzle-kit says", told.kit_says),
        ("drizzle-kit does", told.kit_did),
        ("Gate says", told.gate_says),
        ("Gate does", told.gate_did),
    ):
        lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {who:<17} ", subsequent_indent=" " * 20)
    return "\n".join(lines)
