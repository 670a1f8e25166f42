"""The text of a draft: marked as one in its first line, and honest about what it does not bring back."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.gate.draft import Draft
from tasks.gate.plan import Migration
from tasks.gate.sql import nodes, read
from tasks.gate.wording import count

MARK = "-- gate: draft"
WIDTH = 118
SHOWN = 20  # lines of a difference
ROWS = {
    "insert_stmt": "inserts rows",
    "update_stmt": "updates rows",
    "delete_stmt": "deletes rows",
    "merge_stmt": "merges rows",
    "truncate_stmt": "empties a table",
    "copy_stmt": "copies rows",
    "do_stmt": "runs a block of code",
    "call_stmt": "calls a procedure",
    "select_stmt": "calls a function",
}


class Trial(NamedTuple):
    """How a draft went on an empty database."""

    failed: str = ""  # why it does not run
    differs: tuple[str, ...] = ()  # lines of schema that are not as before
    again: str = ""  # why the migration did not run again after it

    @property
    def exact(self) -> bool:
        """It ran, everything was as before, and the migration ran again."""
        return not (self.failed or self.differs or self.again)


def is_draft(text: str) -> bool:
    """True while nobody has taken the mark away."""
    return any(line.strip() == MARK for line in text.splitlines()[:5])


def draft_text(migration: Migration, draft: Draft, trial: Trial) -> str:
    """The whole file."""
    cannot = [*draft.lost, *changes_of_rows(migration)]
    head = [
        MARK,
        f"-- Rollback of {migration.tag}, written by `gate rollback --draft` from what it changes in a schema.",
        "-- Read it, correct it, and take the first line away: until then the gate does not use it.",
        f"-- {_sentence(trial)}",
        *(f"-- not as before: {line}" for line in trial.differs[:SHOWN]),
        *(f"-- {line}" for line in _cannot(cannot)),
    ]
    body = [f"{statement.rstrip().rstrip(';')};" for statement in draft.statements]
    nothing = ["-- The migration changes nothing of the schema that could be taken back.", "select 1;"]
    return "\n".join([*head, "", *(body or nothing), ""])


def changes_of_rows(migration: Migration) -> list[str]:
    """Statements of the migration that may change rows: a draft never knows how to take those back."""
    parsed, _ = read(migration.file, migration.statements)
    lines = []
    for statement in parsed:
        what = ROWS.get(statement.kind)
        if statement.kind == "select_stmt" and not any(kind == "FuncCall" for kind, _ in nodes(statement)):
            what = None
        if what:
            lines.append(f"{statement.where} {what}: what that changed is not taken back")
    return lines


def _sentence(trial: Trial) -> str:
    if trial.failed:
        return f"Tried on an empty database: {trial.failed}."
    if trial.differs:
        return f"Tried on an empty database: {count(len(trial.differs), 'line')} of the schema are then not as before."
    if trial.again:
        return f"Tried on an empty database: the schema is as before, but the migration fails after it: {trial.again}."
    return "Tried on an empty database: the schema is then as before, and the migration runs again after it."


def _cannot(lines: Sequence[str]) -> list[str]:
    return ["It cannot bring back:", *(f"  * {line}" for line in lines)] if lines else []
