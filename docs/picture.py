"""Draws the picture of the README from the output of a real run: `gate demo --yes 2>&1 | python docs/picture.py > docs/demo.svg`."""

import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 118


def main() -> None:
    """Read terminal output, print an SVG."""
    console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for line in sys.stdin.read().splitlines():
        console.print(Text.from_ansi(line), soft_wrap=False)
    sys.stdout.write(console.export_svg(title="gate demo"))


main()
