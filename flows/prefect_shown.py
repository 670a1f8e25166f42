"""What a worker prints while it runs a release: nothing but log lines, which the Prefect UI shows."""

import time

from flows import prefect_view

EVERY_SECONDS = 10.0


class PrefectShown:
    """The steps of a release as log lines of its run."""

    def __init__(self) -> None:
        self._step = ""
        self._spoke = time.monotonic()

    def start(self, step: str) -> None:
        """A step begins; its task shows that."""
        self._step = step

    def done(self, sentence: str, *, mark: str = "✓") -> None:
        """Said by the checklist itself, once."""

    def say(self, sentence: str) -> None:
        """Said by the checklist itself, once."""

    def plain(self, sentence: str) -> None:
        """A line as it is."""
        if sentence.strip():
            prefect_view.log(sentence.strip())

    def progress(self, figure: str, *, news: bool = True) -> None:
        """A figure now and then, not every one, and none that is no news: each would be one more log line."""
        if news and figure != "…" and time.monotonic() - self._spoke > EVERY_SECONDS:
            self._spoke = time.monotonic()
            prefect_view.log(f"{self._step}: {figure}")
