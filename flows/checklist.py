"""Shows the steps of a release while they run: as lines in a terminal, and as tasks and artifacts in Prefect."""

import logging
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from flows import prefect_view
from flows.defect import unexpected
from flows.terminal import Terminal
from tasks.gate.errors import GateError
from tasks.gate.outcome import Outcome
from tasks.kill_points import reached
from tasks.release import Release

T = TypeVar("T")
log = logging.getLogger("gate")


class Shown(Protocol):
    """Something that tells a person how far a release is."""

    def start(self, step: str) -> None:
        """A step begins."""

    def done(self, sentence: str, *, mark: str = "✓") -> None:
        """The step that began last ended."""

    def say(self, sentence: str) -> None:
        """A line below the step."""

    def plain(self, sentence: str) -> None:
        """A line as it is."""

    def progress(self, figure: str, *, news: bool = True) -> None:
        """A figure that replaces the last one; one that is no news is shown only where it leaves no line behind."""


class Checklist:
    """Runs steps by name; with a Prefect run around it, each is a task with its evidence beside it."""

    def __init__(self, shown: Shown | None = None) -> None:
        self.shown: Shown = shown or Terminal()
        self.in_prefect = prefect_view.inside_a_run()
        self._deployed = prefect_view.deployed()
        self._about: dict[str, str] = {}  # what log lines are about, once there is a release
        self._step = ""

    def follow(self, release: Release) -> None:
        """Let a release speak through this checklist."""
        self._about = {"release": release.id, "target": release.target}
        release.say = self.say
        release.progress = self.shown.progress

    def say(self, sentence: str) -> None:
        """A line below the current step."""
        self.shown.say(sentence)
        self._tell(sentence, step=self._step)

    def ended(self, outcome: Outcome) -> None:
        """The release has ended; said once, for whoever reads logs."""
        self._tell(outcome.sentence, outcome=outcome.outcome)

    def wait(self, title: str, act: Callable[[], T], sentence: Callable[[T], str]) -> T:
        """A step that a person ends: it may suspend the run, which only the flow itself can do, never a task."""
        return self._shown(title, act, sentence)

    def step(
        self,
        title: str,
        act: Callable[[], T],
        sentence: Callable[[T], str],
        artifact: Callable[[T], str] | None = None,
    ) -> T:
        """Run one step and show how it ended.

        Args:
            title: the line of the checklist.
            act: does the step; it asks the record first, so a second run is safe.
            sentence: the step in one sentence, from its result.
            artifact: Markdown for the Prefect UI, from its result.
        """
        result = self._shown(title, lambda: prefect_view.as_task(title, act) if self.in_prefect else act(), sentence)
        if self.in_prefect and artifact is not None:
            prefect_view.artifact(title, artifact(result))
        return result

    def _shown(self, title: str, act: Callable[[], T], sentence: Callable[[T], str]) -> T:
        self._step = title
        self.shown.start(title)
        began = time.monotonic()
        point = title.lower().replace(" ", "-")
        reached(f"{point}:begin")
        try:
            result = act()
        except GateError as error:
            self._done(error.message, began, "stopped")
            raise
        except Exception as error:
            self._done(unexpected(error).message, began, "stopped")
            raise
        except BaseException as stop:
            self._done("interrupted", began, "waits" if prefect_view.is_pause(stop) else "interrupted")
            raise
        reached(f"{point}:end")
        words = sentence(result)
        self._done(words, began, "done")
        return result

    def _done(self, words: str, began: float, outcome: str) -> None:
        """Show how the current step ended, and log it with what a search would ask for."""
        self.shown.done(words, mark="✓" if outcome == "done" else "✗")
        seconds = round(time.monotonic() - began, 3)
        self._tell(f"{self._step}: {words}", step=self._step, seconds=seconds, outcome=outcome)

    def _tell(self, sentence: str, **found: object) -> None:
        """One log line: in the run's own log where a runner started it, which is on the console too; else in ours."""
        about = {**self._about, **found}
        if self.in_prefect:
            prefect_view.log(sentence, about)
        if not self._deployed:
            log.info("%s", sentence, extra=about)
