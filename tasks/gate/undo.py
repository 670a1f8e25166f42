"""What a rollback leaves behind, told from schema texts: with it, without it, and what was different before."""

from collections import Counter
from collections.abc import Iterable

from tasks.gate.model import Model
from tasks.gate.wording import count

KEPT = 60  # lines of a difference that are kept


class Undo(Model):
    """How the copy looked after a rollback, and whether the migrations ran on it again."""

    compared_with: str  # in words; empty when nothing could be compared
    leftovers: tuple[str, ...] = ()  # lines of schema: + is still there, - is missing
    again: bool = False  # the migrations ran once more, to the schema that production has now
    against: str = ""  # why they did not, or why nothing could be compared
    sentence: str


def undo(compared_with: str, leftovers: Iterable[str], again: str, unknown: str = "") -> Undo:
    """The meaning of what was seen.

    Args:
        compared_with: what the copy was compared with, in words.
        leftovers: lines of a difference that the rollback is to blame for.
        again: why the migrations did not run again; empty when they did.
        unknown: why nothing could be compared; empty when it could.
    """
    lines = tuple(leftovers)
    more = (f"... and {count(len(lines) - KEPT, 'more line')}",) if len(lines) > KEPT else ()
    what = f"what it leaves behind is not known: {unknown}" if unknown else _left(compared_with, lines)
    then = f"the migrations do not run again after it: {again}" if again else "the migrations ran again after it"
    return Undo(
        compared_with="" if unknown else compared_with,
        leftovers=(*lines[:KEPT], *more),
        again=not again,
        against=again or unknown,
        sentence=f"{what}; {then}",
    )


def blamed(after: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Changed lines of a difference that an earlier difference does not have: drift of other days is not counted.

    Args:
        after: the difference after the rollback, as `diff -u` shows it.
        before: the difference before it.
    """
    known = Counter(changed(before))
    lines = []
    for line in changed(after):
        if known[line]:
            known[line] -= 1
        else:
            lines.append(line)
    return tuple(lines)


def changed(difference: Iterable[str]) -> list[str]:
    """The lines of a difference that are in one of the two texts only, empty ones left out."""
    heads = ("+++", "---")
    return [line for line in difference if line[:1] in "+-" and not line.startswith(heads) and line[1:].strip()]


def _left(compared_with: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return f"the schema is then as in {compared_with}"
    differ = "differs" if len(lines) == 1 else "differ"
    return f"it does not undo everything: {count(len(lines), 'line')} of the schema {differ} from {compared_with}"
