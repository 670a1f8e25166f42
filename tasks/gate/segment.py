"""A plan in segments: what shares one transaction, and what runs outside of any, in the order of execution."""

from collections.abc import Sequence
from enum import StrEnum

from tasks.gate.model import Model, sha256
from tasks.gate.places import first_line


class Kind(StrEnum):
    """What a statement outside a transaction does, as far as it decides how it is taken up again."""

    BUILD_INDEX = "build-index"  # leaves an INVALID index when it is cut off
    DROP_INDEX = "drop-index"  # leaves an INVALID index when it is cut off
    REINDEX = "reindex"  # may be run again; leaves INVALID copies when it is cut off
    VACUUM = "vacuum"  # may be run again, leaves nothing
    DETACH = "detach"  # leaves a partition whose detaching has to be finalised
    PROCEDURE = "procedure"  # commits on its way; once begun, nobody can tell from outside how far it got


class Alone(Model):
    """A statement that no transaction takes, and what it acts on, as its file names it."""

    words: str  # CREATE INDEX CONCURRENTLY, ...
    kind: Kind
    name: tuple[str, ...] = ()  # the index or the partition: ("public", "orders_by_day"), ("orders_by_day",)
    table: tuple[str, ...] = ()  # the table or the partitioned table
    if_missing: bool = False  # IF NOT EXISTS, IF EXISTS: what is done already is no error
    patient: bool = False  # waiting for its locks holds up neither reads nor writes
    locks: str = ""  # the strongest mode that the manual names for it: ShareUpdateExclusiveLock

    @property
    def about(self) -> str:
        """What it acts on, dotted."""
        return ".".join(self.name or self.table)


class Statement(Model):
    """One text that is sent to the server, and where its file has it."""

    tag: str
    index: int  # within the migration, from 0; what a piece is cut into counts one by one
    line: int  # of the file, from 1, in which the text begins
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode())


class Part(Model):
    """What a segment holds of one migration."""

    tag: str
    statements: tuple[Statement, ...]
    whole: bool  # the migration is in with this part, so its ledger row is written here


class Segment(Model):
    """Statements that share a fate: all of one transaction, or a single one outside of it."""

    number: int  # from 1
    parts: tuple[Part, ...]
    alone: Alone | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All of its statements, in order."""
        return tuple(statement for part in self.parts for statement in part.statements)

    @property
    def completes(self) -> tuple[str, ...]:
        """Tags of the migrations that are in when this segment is."""
        return tuple(part.tag for part in self.parts if part.whole)


def whole(tag: str, pieces: Sequence[str]) -> Part:
    """A migration as the one part that it is in a plan that needs no segments."""
    return Part(
        tag=tag,
        statements=tuple(
            Statement(tag=tag, index=index, line=first_line(pieces, index), text=piece)
            for index, piece in enumerate(pieces)
        ),
        whole=True,
    )
