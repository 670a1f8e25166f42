"""What a person sees while a release runs: one line a step, a figure that moves, and the sentence at the end."""

import re
import shutil
import sys
import textwrap
import threading
import time
from typing import TextIO

WIDTH = 24
STEP = re.compile(rf"  \S .{{{WIDTH}}} +[\d.]+ s  ")
EVERY_SECONDS = 5.0  # how often a figure is printed where no line can be replaced


def hanging(line: str, width: int) -> str:
    """A long line, broken so that what follows stands below where its text began."""
    if len(line) <= width:
        return line
    step = STEP.match(line)
    indent = step.end() if step else len(line) - len(line.lstrip())
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    wrapper.initial_indent, wrapper.subsequent_indent = line[:indent], " " * indent
    return "\n".join(wrapper.wrap(line[indent:]))


class Terminal:
    """Writes plain lines; replaces the last one with progress where the output is a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._step = ""
        self._began = 0.0
        self._printed = 0.0
        self._open_line = False
        self._lock = threading.Lock()

    def title(self, sentence: str) -> None:
        """A heading above a block of lines."""
        self._line(f"\n{sentence}\n")

    def start(self, step: str) -> None:
        """A step begins."""
        self._step, self._began, self._printed = step, time.monotonic(), time.monotonic()
        self.progress("…")

    def done(self, sentence: str, *, mark: str = "✓") -> None:
        """The step of `start` ended."""
        seconds = time.monotonic() - self._began
        self._line(f"  {mark} {self._step:<{WIDTH}} {seconds:6.1f} s  {sentence}")

    def say(self, sentence: str) -> None:
        """One indented line below the current step."""
        for line in sentence.splitlines() or [""]:
            self._line(f"      {line}")

    def plain(self, sentence: str) -> None:
        """A line as it is."""
        self._line(sentence)

    def progress(self, figure: str, *, news: bool = True) -> None:
        """A figure that replaces the last one; without a terminal it is printed every five seconds.

        Args:
            figure: what to show.
            news: whether it says more than the lines above it; if not, only a terminal shows it.
        """
        with self._lock:
            if self._live:
                self._out.write(f"\r\033[K  · {self._step:<{WIDTH}}           {figure}"[:200])
                self._out.flush()
                self._open_line = True
            elif news and figure != "…" and time.monotonic() - self._printed > EVERY_SECONDS:
                self._printed = time.monotonic()
                self._out.write(f"      {figure}\n")
                self._out.flush()

    def _line(self, text: str) -> None:
        with self._lock:
            if self._open_line:
                self._out.write("\r\033[K")
                self._open_line = False
            if self._live:
                columns = shutil.get_terminal_size().columns
                text = "\n".join(hanging(line, columns) for line in text.split("\n"))
            self._out.write(text + "\n")
            self._out.flush()
