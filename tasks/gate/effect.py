"""What one statement does, as a value: kind, objects with their locks, work, transaction, losses, hazards."""

from collections.abc import Iterable, Sequence
from typing import Literal

from tasks.gate.model import Model
from tasks.gate.rehearsal import MODES, strength

(
    ACCESS_SHARE,
    ROW_SHARE,
    ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    EXCLUSIVE,
    ACCESS_EXCLUSIVE,
) = MODES

# In a transaction block: "yes": inside and outside of one; "no": only outside; "required": only inside; "never":
# neither, such as VACUUM in a DO block; "depends": the catalog knows; "unknown": nobody knows before it runs.
Rule = Literal["yes", "no", "required", "never", "depends", "unknown"]
# "instant": the catalog alone; "rows": the rows that it names; "scan": it reads whole tables; "rewrite": it writes them
# anew; "maybe": it may have to rewrite, which only the catalog knows; "unknown": nobody knows before it runs.
Work = Literal["instant", "rows", "scan", "rewrite", "maybe", "unknown"]
WORK: tuple[Work, ...] = ("instant", "rows", "scan", "maybe", "rewrite", "unknown")
Loss = Literal["no", "maybe", "yes"]
LOSSES: tuple[Loss, ...] = ("no", "maybe", "yes")


class Touched(Model):
    """An object that a statement changes, reads or makes."""

    name: str  # as written, dotted: "public.orders"; in words when only the catalog knows it: "the table of index i"
    kind: str  # "table", "index", "view", "sequence", "type", "function", ...
    lock: str = ""  # as pg_locks names it; empty when the server locks no relation of that name
    named: bool = True  # False: the name is in words
    new: bool = False  # this release makes it, so nobody waits for it


class Hazard(Model):
    """What somebody should know beforehand."""

    kind: str  # a stable word: "drop-column"; the same for whoever finds it
    sentence: str
    table: str = ""  # it only matters while somebody uses this table


class Effect(Model):
    """Everything that the parse tree says of one statement; what it cannot say is said to be unknown."""

    kind: str  # readable: "ALTER TABLE ... ADD COLUMN"
    touched: tuple[Touched, ...] = ()
    work: Work = "instant"
    because: str = ""  # why that much work, or on what it depends
    transaction: Rule = "yes"
    transaction_note: str = ""  # on what that depends
    loses: Loss = "no"
    control: bool = False  # it begins, ends or divides a transaction
    leaks: tuple[str, ...] = ()  # what it leaves in the session, in words
    outside: tuple[str, ...] = ()  # what it does beyond this database, in words
    unknown: tuple[str, ...] = ()  # what cannot be known before it runs, in words
    hazards: tuple[Hazard, ...] = ()
    tag: str = ""
    piece: int = 0  # between breakpoints, from 0
    where: str = ""  # file, statement, line

    @property
    def strongest(self) -> Touched | None:
        """The object under the strongest lock, of those that somebody else can know; None without any lock.

        A table before its index: whoever waits reads and writes the table.
        """
        locked = [touched for touched in self.touched if touched.lock and not touched.new]
        return max(locked, key=lambda touched: (strength(touched.lock), touched.kind != "index"), default=None)


def together(kind: str, effects: Sequence[Effect]) -> Effect:
    """Several effects as one: the strongest lock on each object, the most work, every hazard."""
    work = max((effect.work for effect in effects), key=WORK.index, default="instant")
    return Effect(
        kind=kind,
        touched=strongest_of(touched for effect in effects for touched in effect.touched),
        work=work,
        because="; ".join(dict.fromkeys(e.because for e in effects if e.because and e.work == work)),
        loses=max((effect.loses for effect in effects), key=LOSSES.index, default="no"),
        control=any(effect.control for effect in effects),
        leaks=_every(effect.leaks for effect in effects),
        outside=_every(effect.outside for effect in effects),
        unknown=_every(effect.unknown for effect in effects),
        hazards=tuple(dict.fromkeys(hazard for effect in effects for hazard in effect.hazards)),
    )


def strongest_of(several: Iterable[Touched]) -> tuple[Touched, ...]:
    """Each object once, under the strongest of its locks."""
    found: dict[str, Touched] = {}
    for touched in several:
        before = found.get(touched.name)
        if before is None or (touched.lock and strength(touched.lock) > _strength(before)):
            found[touched.name] = touched
    return tuple(found.values())


def _strength(touched: Touched) -> int:
    return strength(touched.lock) if touched.lock else -1


def _every(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for lines in several for line in lines))
