"""Draws the README's picture from a real run: `gate demo --yes | python docs/picture.py > docs/demo.svg`."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows.terminal import hanging

COLUMNS = 118


def main() -> None:
    """Read terminal output, print an SVG."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        console = Console(record=True, width=COLUMNS, file=nowhere)
        for line in sys.stdin.read().replace(str(Path.home()), "~").splitlines():
            console.print(Text.from_ansi(hanging(line.rstrip(), COLUMNS)))
        sys.stdout.write(console.export_svg(title="gate demo"))


main()
