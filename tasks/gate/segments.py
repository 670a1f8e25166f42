"""Splits a plan into segments where PostgreSQL leaves no choice; a plan without such a place stays in one transaction.

A segment ends where a file ends the tool's transaction or begins another, around a statement that no transaction takes,
and where an enum value is used that the transaction itself would have added. A migration's ledger row belongs to the
segment that makes it whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.gate.alone import alone
from tasks.gate.new_values import NewValues
from tasks.gate.own_limits import mixes
from tasks.gate.places import first_line
from tasks.gate.plan import Migration
from tasks.gate.running_transaction import Meaning, Places, places, without_effect
from tasks.gate.segment import Alone, Part, Segment, Statement
from tasks.gate.sql import ParsedStatement

Read = Sequence[tuple[Migration, Sequence[ParsedStatement]]]  # of each pending migration, in the order of execution


Breaks = dict[tuple[str, int], str]  # by tag and number of the statement before which a commit is needed: why


def segments(read: Read, major: int) -> tuple[Segment, ...]:
    """The segments of a plan; none when one transaction holds it all, as Drizzle wants it.

    Args:
        read: the pending migrations with their statements, as `sql.read` gives them.
        major: production's major version.
    """
    found_places = places(read)
    breaks = dict(_new_value_breaks(read, major, found_places))
    cuts = any(place.meaning is Meaning.CUTS for place in found_places.values())
    if (
        not breaks
        and not cuts
        and not any(
            alone(s, major, outside=found_places[m.tag, number].outside)
            for m, found in read
            for number, s in enumerate(found)
        )
    ):
        return ()
    cutting = _Cutting()
    for migration, found in read:
        for item in _items(migration, found, breaks, major, found_places):
            cutting.take(migration.tag, item)
        cutting.whole(migration.tag)
    return cutting.done()


def split_sentences(read: Read, major: int) -> tuple[str, ...]:
    """Why the plan is split at each enum value, and what is left out: the other places speak for themselves."""
    found = places(read)
    return (*dict(_new_value_breaks(read, major, found)).values(), *without_effect(read, found))


def _new_value_breaks(read: Read, major: int, found_places: Places) -> Iterator[tuple[tuple[str, int], str]]:
    """What becomes `Breaks`.

    The whole migration goes into the new transaction where it can: then each migration stays whole with its row.
    """
    values = NewValues(major)
    for migration, found in read:
        for number, statement in enumerate(found):
            place = found_places[migration.tag, number]
            if place.meaning is Meaning.CUTS or alone(statement, major, outside=place.outside):
                values.committed()
                continue
            if used := values.used_by(statement):
                whole = all(one.tag != migration.tag for one in used)
                why = (
                    f"{statement.where}: may use '{used[0].value}' of {'.'.join(used[0].type_name)}, which"
                    f" {used[0].where} adds; PostgreSQL wants that committed first, so the plan is split before it"
                )
                yield (migration.tag, 0 if whole else number), why
                values.committed(but=migration.tag if whole else "")
            values.note(migration.tag, statement)


class _Item(NamedTuple):
    """A text that is sent, or a place where a transaction ends."""

    ends_before: bool
    statement: Statement | None = None
    alone: Alone | None = None


def _items(
    migration: Migration, found: Sequence[ParsedStatement], breaks: Breaks, major: int, found_places: Places
) -> Iterator[_Item]:
    """The pieces of one file, cut into statements only where a segment ends within the piece; empty ones left out."""
    index = -1
    for piece in range(len(migration.statements)):
        here = [(number, s) for number, s in enumerate(found) if s.index == piece]
        index += 1
        if not here:
            continue
        ends = [(migration.tag, number) in breaks for number, _ in here]
        meanings = [found_places[migration.tag, number].meaning for number, _ in here]
        alones = [alone(s, major, outside=found_places[migration.tag, number].outside) for number, s in here]
        own = Meaning.ENDS_WITH_PIECE in meanings
        special = any(alones) or any(meaning in (Meaning.CUTS, Meaning.IDLE) for meaning in meanings)
        if not (any(ends[1:]) or mixes([s for _, s in here]) or special):
            line = first_line(migration.statements, piece)
            text = migration.statements[piece]
            yield _Item(ends[0] or own, Statement(tag=migration.tag, index=index, line=line, text=text))
        else:
            for offset, (_, s) in enumerate(here):
                index += offset > 0
                if meanings[offset] is Meaning.CUTS or (meanings[offset] is Meaning.IDLE and ends[offset]):
                    yield _Item(ends_before=True)
                elif meanings[offset] is not Meaning.IDLE:
                    sent = Statement(tag=migration.tag, index=index, line=s.line, text=s.text)
                    yield _Item(ends[offset] or (own and not offset), sent, alones[offset])
        if own:
            yield _Item(ends_before=True)


@dataclass
class _Cutting:
    """What is cut so far, and the transaction that is still open."""

    closed: list[Segment] = field(default_factory=list)
    open: list[Part] = field(default_factory=list)

    def take(self, tag: str, item: _Item) -> None:
        if item.ends_before or item.alone:
            self._close()
        if item.statement is None:
            return
        if self.open and self.open[-1].tag == tag:
            self.open[-1] = _longer(self.open[-1], item.statement)
        else:
            self.open.append(Part(tag=tag, statements=(item.statement,), whole=False))
        if item.alone:
            self._close(item.alone)

    def whole(self, tag: str) -> None:
        """The migration has no more statements: whoever holds its last one writes its row."""
        if self.open and self.open[-1].tag == tag:
            self.open[-1] = self.open[-1].model_copy(update={"whole": True})
        elif not self.open and self.closed and self.closed[-1].parts[-1].tag == tag:
            last = self.closed[-1]
            parts = (*last.parts[:-1], last.parts[-1].model_copy(update={"whole": True}))
            self.closed[-1] = last.model_copy(update={"parts": parts})
        else:
            self.open.append(Part(tag=tag, statements=(), whole=True))

    def done(self) -> tuple[Segment, ...]:
        self._close()
        return tuple(self.closed)

    def _close(self, by: Alone | None = None) -> None:
        if self.open:
            self.closed.append(Segment(number=len(self.closed) + 1, parts=tuple(self.open), alone=by))
            self.open = []


def _longer(part: Part, statement: Statement) -> Part:
    return part.model_copy(update={"statements": (*part.statements, statement)})
