"""The report's part on the rehearsal: what each statement cost on the restored copy, and whether the way back holds."""

from collections.abc import Mapping, Sequence

from tasks.gate import wording
from tasks.gate.effect import Effect
from tasks.gate.foreseen import disagreements
from tasks.gate.rehearsal import (
    HARMLESS,
    WAITING,
    Rehearsal,
    RehearsedStatement,
    RollbackRehearsal,
    head,
    row_words,
    spelled,
    worst_lock_sentence,
)
from tasks.gate.report_blocks import Block, Cell, Code, Fold, Lines, Section, Table, Tone, pairs
from tasks.gate.undo import Undo

RESTORED = "the restored copy"
SQL_SHOWN = 90  # characters of a statement in the table; the whole one folds below it


def rehearsal_section(
    rehearsal: Rehearsal,
    applied: Mapping[tuple[str, int], float] | None = None,
    effects: Sequence[Effect] = (),
    place: str = RESTORED,
) -> Section:
    """What the plan did on a copy.

    Args:
        rehearsal: the figures.
        applied: seconds that the same statement took in production, by tag and index, when it ran there.
        effects: what the plan foresaw; where the figures disagree with it, the report says so.
        place: what the copy is.
    """
    blocks: list[Block] = [_statements(rehearsal, applied or {})]
    if rehearsal.losses:
        blocks.append(Lines(tuple(f"lost: {loss}" for loss in rehearsal.losses), noun="loss", tone=Tone.WARN))
    if rehearsal.partial:
        backs = tuple(f"after segment {n}: {back.sentence}" for n, back in enumerate(rehearsal.partial, 1))
        blocks.append(Lines(backs, noun="point"))
    if rehearsal.surprises:
        lines = tuple(f"changed, though no statement names it: {s}" for s in rehearsal.surprises)
        blocks.append(Lines(lines, noun="surprise", tone=Tone.WARN))
    notes = disagreements(effects, rehearsal)
    if notes:
        blocks.append(Lines(notes, noun="note", tone=Tone.WARN))
    if rehearsal.undo is not None:
        blocks += _undone(rehearsal.undo)
    locks = _locks(rehearsal)
    blocks += [*([locks] if locks.rows else []), *_whole_statements(rehearsal)]
    tone = Tone.WARN if rehearsal.losses or rehearsal.surprises or notes else Tone.GOOD
    return Section("rehearsal", "Rehearsal", rehearsal_sentence(rehearsal, place), tone, tuple(blocks))


def _undone(undo: Undo) -> list[Block]:
    tone = Tone.GOOD if undo.again and not undo.leftovers and undo.compared_with else Tone.WARN
    blocks: list[Block] = [Lines((wording.sentence(undo.sentence),), noun="line", tone=tone)]
    if undo.leftovers:
        blocks.append(Fold("What the rollback leaves behind", Code("\n".join(undo.leftovers), "diff")))
    return blocks


def rehearsal_sentence(rehearsal: Rehearsal, place: str = RESTORED) -> str:
    """The rehearsal in one sentence."""
    wal = sum(statement.wal_bytes for statement in rehearsal.statements)
    return (
        f"{wording.count(len(_spoken(rehearsal)), 'statement')} ran on {place} in "
        f"{wording.duration(rehearsal.seconds)} and wrote {wording.size(wal)} of WAL; the plan "
        f"{worst_lock_sentence(rehearsal)}."
    )


def _spoken(rehearsal: Rehearsal) -> list[RehearsedStatement]:
    return [statement for statement in rehearsal.statements if statement.sql.strip()]


def _statements(rehearsal: Rehearsal, applied: Mapping[tuple[str, int], float]) -> Table:
    heads = ["Statement", "Rehearsed", "In production", "Rows", "Rewrites", "WAL", "Size"]
    rows = [_statement(statement, applied) for statement in _spoken(rehearsal)]
    right = {1, 2, 5, 6}
    if not applied:
        heads.remove("In production")
        rows = [(row[0], row[1], *row[3:]) for row in rows]
        right = {1, 4, 5}
    return Table(tuple(heads), tuple(rows), noun="statement", right=frozenset(right))


def _statement(statement: RehearsedStatement, applied: Mapping[tuple[str, int], float]) -> tuple[Cell, ...]:
    production = applied.get((statement.tag, statement.index))
    rewrites = (*statement.rewrites, *(f"index {name} built" for name in statement.index_builds))
    return (
        Cell(head(statement.sql, SQL_SHOWN), code=True),
        Cell(wording.duration(statement.seconds)),
        Cell("" if production is None else wording.duration(production)),
        Cell(wording.listing([row_words(rows) for rows in statement.rows], limit=3) if statement.rows else ""),
        Cell(wording.listing(rewrites, limit=3) if rewrites else ""),
        Cell(wording.size(statement.wal_bytes)),
        Cell(wording.signed_size(statement.size_delta)),
    )


def _locks(rehearsal: Rehearsal) -> Table:
    rows = tuple(
        (
            Cell(lock.relation, code=True),
            Cell(spelled(lock.mode)),
            Cell(WAITING.get(lock.mode, "others wait")),
            Cell(wording.duration(lock.held_seconds)),
            Cell(f"{statement.tag}, statement {statement.index + 1}"),
        )
        for statement in rehearsal.statements
        for lock in statement.locks
        if lock.mode not in HARMLESS
    )
    return Table(("Relation", "Lock", "Meanwhile", "Held for", "Taken by"), rows, noun="lock", right=frozenset({3}))


def _whole_statements(rehearsal: Rehearsal) -> list[Block]:
    long = [s for s in _spoken(rehearsal) if len(" ".join(s.sql.split())) > SQL_SHOWN]
    return [Fold(f"{s.tag}, statement {s.index + 1} in full", Code(s.sql, "sql"), detail=True) for s in long]


def rollback_section(rollback: RollbackRehearsal) -> Section:
    """The way back, tried on the same copy."""
    blocks: list[Block] = []
    if rollback.ran:
        blocks.append(
            pairs(
                ("took", wording.duration(rollback.seconds)),
                ("schema", _equal(held=rollback.schema_equal)),
                ("data", _equal(held=rollback.data_equal)),
                ("ledger", _equal(held=rollback.ledger_equal)),
                (
                    "plan once more",
                    Cell("ran again, same schema", Tone.GOOD) if rollback.again else Cell("failed", Tone.BAD),
                ),
            )
        )
    if rollback.differences:
        blocks.append(Fold("What differs after the rollback", Code("\n".join(rollback.differences), "diff")))
    tone = Tone.GOOD if rollback.holds else Tone.WARN
    return Section("rollback", "The way back", rollback_sentence(rollback), tone, tuple(blocks))


def rollback_sentence(rollback: RollbackRehearsal) -> str:
    """The way back in one sentence."""
    if rollback.holds:
        return (
            f"The rollback SQL took everything back in {wording.duration(rollback.seconds)}: schema, data and ledger "
            "are as before, and the plan ran once more after it."
        )
    if rollback.sentence:
        return wording.sentence(rollback.sentence)
    if not rollback.available:
        return "There is no rollback SQL for every pending migration: the way back is the restore of the proved backup."
    return "The rollback SQL does not bring everything back: the way back is the restore of the proved backup."


def _equal(*, held: bool) -> Cell:
    return Cell("as before", Tone.GOOD) if held else Cell("differs", Tone.BAD)
