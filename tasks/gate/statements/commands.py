"""One command of an ALTER TABLE as its families see it, and the rules that many commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, Effect, Hazard, Touched
from tasks.gate.statements.situation import Situation

CASCADES = ", and everything that depends on it (CASCADE)"


@dataclass(frozen=True)
class Command:
    """A command with the relation that it is for."""

    node: Any
    table: str  # as written, dotted
    kind: str  # "table", "view", "index", ...
    situation: Situation

    @property
    def definition(self) -> Any:
        """What the command brings: a column, a constraint, a partition."""
        return sql.inner(getattr(self.node, "def"))

    @property
    def cascades(self) -> bool:
        """True for CASCADE."""
        return sql.enum(self.node, "behavior") == "DROP_CASCADE"

    def on(self, lock: str = ACCESS_EXCLUSIVE) -> Touched:
        """The relation under a lock."""
        return Touched(name=self.table, kind=self.kind, lock=lock)

    def hazard(self, kind: str, sentence: str) -> tuple[Hazard, ...]:
        """One hazard that matters while somebody uses the relation."""
        return (Hazard(kind=kind, sentence=sentence, table=self.table),)


CommandRule = Callable[[Command], Effect]


def catalog(words: str, lock: str = ACCESS_EXCLUSIVE, hazard: tuple[str, str] | None = None) -> CommandRule:
    """A command that changes the catalog alone.

    Args:
        words: as SQL spells it.
        lock: on the relation.
        hazard: kind and sentence, with {} for the relation.
    """

    def rule(command: Command) -> Effect:
        found = () if hazard is None else command.hazard(hazard[0], hazard[1].format(command.table))
        return Effect(kind=words, touched=(command.on(lock),), hazards=found)

    return rule


def rewriting(words: str, because: str, kind: str, sentence: str) -> CommandRule:
    """A command that writes the whole relation anew under ACCESS EXCLUSIVE."""

    def rule(command: Command) -> Effect:
        return Effect(
            kind=words,
            touched=(command.on(),),
            work="rewrite",
            because=because,
            hazards=command.hazard(kind, sentence.format(command.table)),
        )

    return rule
