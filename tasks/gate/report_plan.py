"""The report's first parts: the plan with its SQL, and the preflight checks with their evidence."""

from collections.abc import Sequence

from tasks.gate import effect_words, wording
from tasks.gate.evidence import Finding, Verdict
from tasks.gate.plan import Migration, Plan, PlannedMigration, State
from tasks.gate.report_blocks import Block, Cell, Code, Fold, Lines, Section, Table, Tone, pairs
from tasks.gate.segments_told import describe, when_it_fails

APPLIED_SHOWN = 5  # the last ones; the others are counted

VERDICTS = {
    Verdict.PASS: Tone.GOOD,
    Verdict.WARN: Tone.WARN,
    Verdict.FAIL: Tone.BAD,
    Verdict.WAIVED: Tone.WARN,
    Verdict.NOT_CONFIGURED: Tone.QUIET,
}


def plan_section(plan: Plan) -> Section:
    """What would run, in which order, what stands in the way, and what each file says."""
    return Section("plan", "The plan", plan_sentence(plan), _plan_tone(plan), tuple(_plan_blocks(plan)))


def plan_sentence(plan: Plan) -> str:
    """The plan in one sentence."""
    applied = sum(m.state is State.APPLIED for m in plan.migrations)
    if plan.problems:
        return f"{wording.count(len(plan.problems), 'problem')} refused the release before anything else was asked."
    if plan.title:
        return f"{wording.count(len(plan.pending), 'script')} to {plan.title}."
    if not plan.pending:
        return f"Nothing is pending: {wording.count(applied, 'migration')} applied."
    return (
        f"{wording.count(len(plan.pending), 'migration')} pending after {wording.number(applied)} applied: "
        f"{wording.listing([m.tag for m in plan.pending])}."
    )


def _plan_tone(plan: Plan) -> Tone:
    if plan.problems:
        return Tone.BAD
    return Tone.WARN if plan.hazards else Tone.GOOD


def _plan_blocks(plan: Plan) -> list[Block]:
    blocks: list[Block] = []
    if plan.problems:
        rows = tuple((Cell(p.cause), Cell(p.drizzle), Cell(p.remedy)) for p in plan.problems)
        blocks.append(Table(("Problem", "Drizzle itself", "Remedy"), rows, noun="problem"))
    if plan.hazards:
        blocks.append(Lines(plan.hazards, noun="hazard", tone=Tone.WARN))
    if plan.segments:
        told = tuple((Cell(str(s.number)), Cell(describe(s)), Cell(when_it_fails(plan, s))) for s in plan.segments)
        blocks.append(Table(("Segment", "What", "When it fails"), told, noun="segment"))
    blocks.append(_migrations(plan))
    if plan.effects:
        does = tuple(
            (Cell(f"{e.tag}, {e.piece + 1}"), *(Cell(text) for text in effect_words.row(e))) for e in plan.effects
        )
        blocks.append(Table(("Where", *effect_words.HEAD), does, noun="statement"))
    blocks += [_sql(migration) for migration in plan.pending]
    blocks += [
        Fold(f"Rollback SQL of {r.tag}: {r.file}", Code(r.text, "sql", title=f"sha256 {r.sha256}"), detail=True)
        for r in plan.rollbacks
    ]
    blocks.append(
        pairs(
            ("digest", Cell(plan.digest, code=True)),
            ("ledger", Cell(f"{plan.ledger_schema}.{plan.ledger_table}", code=True)),
            ("tools", wording.listing([f"{name} {version}" for name, version in sorted(plan.tools.items())], limit=9)),
        )
    )
    return blocks


def _migrations(plan: Plan) -> Table:
    covered = {rollback.tag for rollback in plan.rollbacks}
    pieces = {migration.tag: len(migration.statements) for migration in plan.pending}
    quiet = [m for m in plan.migrations if m.state is State.APPLIED and not m.sentence]
    hidden = set() if len(quiet) <= APPLIED_SHOWN else {id(m) for m in quiet[:-APPLIED_SHOWN]}
    rows = [_row(m, pieces, covered) for m in plan.migrations if id(m) not in hidden]
    if hidden:
        earlier = Cell(f"… {wording.count(len(hidden), 'earlier migration')}", Tone.PLAIN)
        rows.insert(0, (earlier, Cell("applied", Tone.QUIET), Cell(""), Cell("")))
    return Table(("Migration", "State", "Statements", "Way back"), tuple(rows), noun="migration", right=frozenset({2}))


def _row(migration: PlannedMigration, pieces: dict[str, int], covered: set[str]) -> tuple[Cell, ...]:
    tag = Cell(migration.tag, code=True)
    if migration.state is State.APPLIED and migration.sentence:
        statements = Cell(wording.number(pieces.get(migration.tag, 0)))
        return tag, Cell("applied", Tone.WAIT), statements, Cell(migration.sentence)
    if migration.state is State.APPLIED:
        return tag, Cell("applied", Tone.QUIET), Cell(""), Cell("")
    if migration.state is State.PENDING:
        back = "rollback SQL" if migration.tag in covered else "restore of the backup"
        return tag, Cell("pending", Tone.WAIT), Cell(wording.number(pieces.get(migration.tag, 0))), Cell(back)
    return tag, Cell(str(migration.state), Tone.BAD), Cell(""), Cell(migration.sentence)


def _sql(migration: Migration) -> Fold:
    text = "\n--> statement-breakpoint\n".join(piece.strip("\n") for piece in migration.statements)
    words = wording.count(len(migration.statements), "statement")
    return Fold(
        f"SQL of {migration.tag} ({words})", Code(text, "sql", title=f"{migration.file}, sha256 {migration.hash}")
    )


def checks_section(findings: Sequence[Finding]) -> Section:
    """Every question of the checklist, its answer, and what the answer rests on."""
    blocks: list[Block] = [
        Table(("Check", "Verdict", "What was found"), tuple(_finding(f) for f in findings), noun="check")
    ]
    waived = tuple(
        f"{f.title} was waived by {f.waiver.by}: {f.waiver.reason}" for f in findings if f.waiver is not None
    )
    if waived:
        blocks.append(Lines(waived, noun="waiver", tone=Tone.WARN))
    hints = tuple(f"{f.title}: {f.hint}" for f in findings if f.hint and f.verdict in (Verdict.FAIL, Verdict.WARN))
    if hints:
        blocks.append(Lines(hints, noun="hint"))
    blocks += [_evidence(f) for f in findings if f.evidence]
    return Section("checks", "Preflight checks", checks_sentence(findings), checks_tone(findings), tuple(blocks))


def checks_sentence(findings: Sequence[Finding]) -> str:
    """How many checks ended in which way."""
    counts = {verdict: sum(f.verdict is verdict for f in findings) for verdict in Verdict}
    words = {Verdict.PASS: "passed", Verdict.WARN: "warned", Verdict.FAIL: "failed"}
    said = [f"{n} {words.get(verdict, str(verdict))}" for verdict, n in counts.items() if n]
    return f"{wording.count(len(findings), 'check')}, all read-only: {', '.join(said)}."


def checks_tone(findings: Sequence[Finding]) -> Tone:
    """The worst verdict."""
    tones = {VERDICTS[f.verdict] for f in findings}
    return next((tone for tone in (Tone.BAD, Tone.WARN) if tone in tones), Tone.GOOD)


def _finding(finding: Finding) -> tuple[Cell, ...]:
    return Cell(finding.title), Cell(str(finding.verdict), VERDICTS[finding.verdict]), Cell(finding.sentence)


def _evidence(finding: Finding) -> Fold:
    lines = wording.count(len(finding.evidence), "line")
    took = f", {wording.duration(finding.seconds)}" if finding.seconds else ""
    looks_like_a_diff = any(line.startswith(("+++", "---", "@@")) for line in finding.evidence)
    block: Code | Lines = (
        Code("\n".join(finding.evidence), "diff") if looks_like_a_diff else Lines(finding.evidence, noun="line")
    )
    loud = finding.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.WAIVED)
    return Fold(f"Evidence of {finding.title} ({lines}{took})", block, open=loud, detail=not loud)
