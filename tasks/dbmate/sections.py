"""The two sections of a file: what `-- migrate:up` and `-- migrate:down` begin, and only comments before them."""

import re
from typing import NamedTuple

# dbmate knows no SQL here: a marker counts at the beginning of any line, also inside a literal, in lower case only.
MARKER = re.compile(r"^--\s*migrate:(up|down)(?:[ \t]+(.*?))?[ \t\r]*$", re.MULTILINE)
ALONE = "transaction:false"


class Sections(NamedTuple):
    """A file, or why dbmate would not take it."""

    up: str = ""
    down: str = ""
    line: int = 0  # how many lines stand before the up section's text
    alone: bool = False  # the up section asks to run outside a transaction
    defect: str = ""
    remedy: str = ""


def sections(text: str) -> Sections:
    """The sections of a file; both must be there, once, and in that order."""
    found = list(MARKER.finditer(text))
    kinds = [match[1] for match in found]
    if "up" not in kinds:
        return _refused("has no section `-- migrate:up`", "begin it with that line")
    if any(line.strip() and not line.lstrip().startswith("--") for line in text[: found[0].start()].splitlines()):
        return _refused("has statements before `-- migrate:up`", "move them below that line")
    if "down" not in kinds:
        return _refused("has no section `-- migrate:down`", "add that line at its end, even when nothing follows it")
    if kinds != ["up", "down"]:
        return _refused(
            f"has the sections {', '.join(kinds)} instead of one up and one down",
            "split it; a marker counts at the beginning of any line, also inside a literal",
        )
    up, down = found
    return Sections(
        up=text[up.end() : down.start()],
        down=text[down.end() :],
        line=text.count("\n", 0, up.end()),
        alone=ALONE in (up[2] or "").split(),
    )


def _refused(defect: str, remedy: str) -> Sections:
    return Sections(defect=defect, remedy=remedy)
