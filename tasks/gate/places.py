"""Says where in a file a statement stands, the same in every message."""

from collections.abc import Sequence


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
