"""Draws the README's picture from a real run: `gate demo --yes | python docs/picture.py > docs/demo.svg`."""

import os
import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 118


def main() -> None:
    """Read terminal output, print an SVG."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        console = Console(record=True, width=COLUMNS, file=nowhere)
        for line in sys.stdin.read().splitlines():
            console.print(Text.from_ansi(line))
        sys.stdout.write(console.export_svg(title="gate demo"))


main()
