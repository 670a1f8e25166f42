"""The three acts: a release that ships, one that is refused, and one that fails in production and is brought back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flows.demo import shop
from flows.demo.running_application import Tally
from flows.demo.stage import Stage
from tasks.gate.wording import count, duration

EDITED = ('"delivery_note" text;', "\"delivery_note\" text DEFAULT 'none' NOT NULL;")


class Teller(Protocol):
    """Tells the story on the terminal."""

    def act(self, number: int, title: str) -> None:
        """A new act begins."""

    def tell(self, sentence: str) -> None:
        """A sentence of the story."""

    def command(self, line: str) -> None:
        """A command that is typed now."""


@dataclass(frozen=True)
class Act:
    """One act and how it must end."""

    title: str
    name: str  # in the name of its report page
    play: Callable[[Stage, Teller], int]
    exit_code: int


def play(number: int, act: Act, stage: Stage, teller: Teller) -> tuple[str, int]:
    """Play one act; returns the id of its release and its exit code."""
    teller.act(number, act.title)
    stage.application.take_tally()
    code = act.play(stage, teller)
    teller.tell(meanwhile(stage.application.take_tally()))
    return str(stage.newest_release()["id"]), code


def meanwhile(tally: Tally) -> str:
    """What the application went through, in one sentence."""
    did = f"read {count(tally.reads, 'page')} and wrote {count(tally.writes, 'order')}"
    gap = f"its longest pause was {duration(tally.longest_gap_seconds)}"
    if not tally.errors:
        thrown = f" and {count(tally.thrown_out, 'connection')} lost" if tally.thrown_out else ""
        return f"Meanwhile the application {did}, with no error{thrown}; {gap}."
    return f"Meanwhile the application {did}; {count(tally.errors, 'page')} failed ({tally.complaint}); {gap}."


def ships(stage: Stage, teller: Teller) -> int:
    """A column, an index and a back-fill, each tried on staging, with rollback SQL beside them."""
    shop.check_out(stage.project, 5)
    shop.migrate(stage.staging, stage.project)
    teller.tell(
        f"{shop.tag(stage.project, 4)} adds a column to 60,000 orders, builds an index and fills the column. It ran on "
        "staging, and its rollback SQL lies beside it."
    )
    return _run(stage, teller)


def is_refused(stage: Stage, teller: Teller) -> int:
    """A migration that ran on staging is edited before it goes to production."""
    shop.check_out(stage.project, 6)
    shop.migrate(stage.staging, stage.project)
    edited = shop.edit(stage.project, 5, *EDITED)
    teller.tell(
        f"{shop.tag(stage.project, 5)} ran on staging. Then somebody improved the file {edited}: what would run is not "
        "what was tested. Drizzle itself never compares."
    )
    return _run(stage, teller)


def comes_back(stage: Stage, teller: Teller) -> int:
    """A column is dropped that the running application still reads; no SQL brings back what it held."""
    shop.check_out(stage.project, 7)
    shop.migrate(stage.staging, stage.project)
    teller.tell(
        f"The edit is undone. {shop.tag(stage.project, 6)} drops a column that version 2.4 of the application, on "
        "staging, does not need any more. In production version 2.3 still runs, and still reads it. Nothing before "
        "production can show that, and there is no rollback SQL: what a column held, SQL cannot bring back."
    )
    return _run(stage, teller)


def _run(stage: Stage, teller: Teller) -> int:
    arguments = ("run", "--yes") if stage.hands_free else ("run",)
    teller.command(" ".join(("gate", *arguments)))
    return stage.gate(*arguments)


ACTS = (
    Act("a release ships, while the application keeps working", "shipped", ships, 0),
    Act("a release is refused: a file was edited after it ran on staging", "refused", is_refused, 3),
    Act("a release fails in production, and is brought back from its backup", "brought-back", comes_back, 5),
)
