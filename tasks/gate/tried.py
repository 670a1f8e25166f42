"""What became of the rehearsal of a pull request's migrations, what it stood on, and what that is worth."""

from tasks.gate.model import Model
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.wording import count, duration, listing


class Tried(Model):
    """The migrations that a branch adds were run on a scratch server, or could not be."""

    place: str = ""  # "the restored backup-…", "an empty copy"; empty when there was none
    empty: bool = False  # no rows of production's are in it
    worth: str = ""  # what the figures say of production, as a sentence
    notes: tuple[str, ...] = ()  # what else a reader must know of that place
    rehearsal: Rehearsal | None = None
    failure: str = ""  # why there is no rehearsal: the statement that failed, or what was missing
    hint: str = ""
    exit_code: int = 0  # as the failure's
    tag: str | None = None  # the migration that failed
    line: int | None = None  # of its file

    @property
    def clean(self) -> bool:
        """True when there is nothing that a reviewer should look at twice."""
        found = self.rehearsal
        if found is None:
            return False
        holds = found.rollback.holds or not found.rollback.available
        return holds and not found.losses and not found.surprises

    @property
    def sentence(self) -> str:
        """The whole in one clause."""
        found = self.rehearsal
        if found is None:
            return self.failure if self.place else f"there was no rehearsal: {self.failure}"
        took = "" if self.empty else f" in {duration(found.seconds)}"
        if found.rollback.holds:
            back = "the rollback SQL was proved"
        elif found.rollback.available:
            back = found.rollback.sentence or "the rollback SQL does not bring everything back"
        else:
            back = "without rollback SQL the way back is the restore of a backup"
        lost = f"; it loses {listing(found.losses, limit=3)}" if found.losses else ""
        return f"the rehearsal ran {count(len(found.statements), 'statement')} on {self.place}{took}; {back}{lost}"
