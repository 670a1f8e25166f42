"""Says where in a file a statement stands, the same in every message."""

import re
from collections.abc import Sequence

LINE = re.compile(r"(?:, statement \d+)?(?:, line | \(line )(\d+)")


def first_line(pieces: Sequence[str], index: int) -> int:
    """The line of the file, from 1, in which piece `index` begins."""
    return 1 + sum(piece.count("\n") for piece in pieces[:index])


def place(file: str, pieces: int, index: int, line: int) -> str:
    """`0003_x.sql, statement 2 (line 5)`; a file without breakpoints has only lines.

    Args:
        file: as the person knows it.
        pieces: how many the file has between its breakpoints.
        index: of the piece, from 0.
        line: of the file, from 1.
    """
    return f"{file}, line {line}" if pieces == 1 else f"{file}, statement {index + 1} (line {line})"


def place_in(sentence: str, files: Sequence[str]) -> tuple[str, int] | None:
    """The file and line that a sentence names the way `place` does; None when it names none of these files.

    Args:
        sentence: of a hazard or a problem.
        files: as the sentence may name them.
    """
    for file in sorted(files, key=len, reverse=True):  # the longer name first: one may end in the other
        before, found, rest = sentence.partition(file)
        if found and (not before or before[-1] in " (,:;"):
            line = LINE.match(rest)
            return file, int(line[1]) if line else 1
    return None
