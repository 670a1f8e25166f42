"""The evidence of a release in a few labelled lines: what changes, what it locks, what is lost, and the way back."""

from typing import NamedTuple

from tasks.gate import wording
from tasks.gate.ask_state import AskState
from tasks.gate.evidence import Verdict
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import HARMLESS, WAITING, Lock, Rehearsal, head, row_words, spelled, strength
from tasks.gate.report_reading import Reading
from tasks.gate.report_rehearsal import rollback_sentence


class Row(NamedTuple):
    """A label and what is said below it."""

    label: str
    lines: tuple[str, ...]
    noun: str = "line"  # what a line stands for, when some are left out
    most: int = 6
    line_limit: int = 300


def database(reading: Reading) -> str:
    """The database by name; the target's name where the record does not say."""
    return reading.identity.database if reading.identity else reading.target


def evidence_rows(reading: Reading, ask: AskState) -> tuple[Row, ...]:
    """What the approver weighs, the dangerous first; a row that has nothing to say is left out."""
    plan, rehearsal = reading.plan, reading.rehearsal
    rows = (
        Row("Loses", rehearsal.losses, noun="loss") if rehearsal else None,
        Row("Hazards", plan.hazards, noun="hazard") if plan else None,
        Row("Database", _database(reading)),
        Row("Holds", _locks(rehearsal), noun="lock", most=4) if rehearsal else None,
        Row("Changes", _changes(plan, rehearsal), noun="statement", most=8, line_limit=140) if plan else None,
        Row("Way back", _way_back(reading)),
        Row("Waived", _waived(reading), noun="waiver"),
        Row("Warnings", _warnings(reading, rehearsal), noun="warning", most=4),
        Row("Asked by", (ask.started_by or reading.text("opened", "by"),)),
        Row("Release", (reading.release,)),
    )
    return tuple(row for row in rows if row is not None and any(line.strip() for line in row.lines))


def _database(reading: Reading) -> tuple[str, ...]:
    found = reading.identity
    if found is None:
        return (f"target {reading.target}",)
    return (
        f"{found.database} (target {reading.target})",
        f"PostgreSQL {found.server_version}, cluster {found.system_identifier}",
    )


def _locks(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Every lock that somebody waits for, the strongest first, each relation once."""
    felt = [lock for s in rehearsal.statements for lock in s.locks if lock.mode not in HARMLESS]
    worst: dict[str, Lock] = {}
    for lock in sorted(felt, key=lambda one: (strength(one.mode), one.held_seconds), reverse=True):
        worst.setdefault(lock.relation, lock)
    if not worst:
        return ("no lock that reads or writes wait for",)
    return tuple(
        f"{spelled(lock.mode)} on {lock.relation} for {wording.duration(lock.held_seconds)}: "
        f"{WAITING.get(lock.mode, 'others wait')}"
        for lock in worst.values()
    )


def _changes(plan: Plan, rehearsal: Rehearsal | None) -> tuple[str, ...]:
    """Statement by statement, with the rows it changed on the copy; the files alone where nothing was rehearsed."""
    rehearsed = [s for s in rehearsal.statements if s.sql.strip()] if rehearsal else []
    if not rehearsed:
        return tuple(m.tag for m in plan.pending)
    lines: list[str] = []
    for statement in rehearsed:
        cost = [wording.duration(statement.seconds), *(row_words(rows) for rows in statement.rows)]
        rebuilt = [*(f"rewrites {r}" for r in statement.rewrites), *(f"builds {i}" for i in statement.index_builds)]
        figures = ", ".join([*cost, *rebuilt][:4])
        lines.append(f"{statement.tag}: {head(statement.sql, 70)} ({figures})")
    return tuple(lines)


def _way_back(reading: Reading) -> tuple[str, ...]:
    """Whether it can be undone, and what a restore took today."""
    lines: list[str] = []
    if reading.rehearsal is not None:
        lines.append(rollback_sentence(reading.rehearsal.rollback))
    proof, taken = reading.proof, reading.text("backed_up", "taken_at")
    if proof is not None:
        since = f" of {wording.clock(taken)}" if taken else ""
        lines.append(
            f"Restoring {proof.backup}{since} took {wording.duration(proof.restore_seconds)} today: "
            f"{wording.count(proof.tables, 'table')}, {wording.count(proof.rows, 'row')} compared. "
            "A restore lacks what is written after it."
        )
    return tuple(lines)


def _waived(reading: Reading) -> tuple[str, ...]:
    return tuple(
        f"{f.check} by {f.waiver.by}: {f.waiver.reason} ({f.sentence})"
        for f in reading.findings
        if f.verdict is Verdict.WAIVED and f.waiver is not None
    )


def _warnings(reading: Reading, rehearsal: Rehearsal | None) -> tuple[str, ...]:
    return (
        *(f"changed, though no statement names it: {s}" for s in (rehearsal.surprises if rehearsal else ())),
        *(f"{f.title}: {f.sentence}" for f in reading.findings if f.verdict is Verdict.WARN),
    )
