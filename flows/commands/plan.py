"""`gate plan`: the dry run; reads the folder and production's ledger, and touches nothing."""

import gc
from typing import Any

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate import effect_words
from tasks.gate.plan import Plan, State
from tasks.gate.segments_told import describe, sentences, when_it_fails
from tasks.gate.wording import count

HEAD = 96  # characters of a statement that fit a line
APPLIED_SHOWN = 3


@click.command("plan", epilog="Example: gate plan --json | jq .verdict")
@click.option("--sql", is_flag=True, help="Print the pending statements whole.")
@as_json
def command(*, sql: bool, as_json: bool) -> int:
    """Show what would run, in which order, statement by statement, with hazards and rollback coverage."""
    gc.disable()  # of a process that ends within a second: collecting among thousands of migrations costs a tenth of it
    from tasks.clients import postgres
    from tasks.make_plan import make_plan
    from tasks.workshop import production_url, tool_versions

    settings, policy = settings_and_policy()
    with postgres.connect(production_url(settings), purpose="plan", read_only=True) as connection:
        identity = postgres.identity(connection)
        tools = tool_versions(settings, identity)
        plan = make_plan(settings, policy, connection=connection, identity=identity, tools=tools)
    if as_json:
        print_json(document(plan))
    else:
        _show(plan, whole=sql)
    return 3 if plan.problems else 0


def document(plan: Plan) -> dict[str, Any]:
    """The plan for machines; keys are a contract, new ones may be added."""
    hashes = {m.tag: m for m in plan.pending}
    back = {r.tag: r.file for r in plan.rollbacks}
    return {
        "target": plan.target,
        "purpose": plan.purpose,
        "title": plan.title,
        "verdict": plan.verdict,
        "digest": plan.digest,
        "identity": plan.identity.model_dump(mode="json"),
        "migrations": [
            {
                "tag": m.tag,
                "state": str(m.state),
                "sentence": m.sentence,
                "hash": hashes[m.tag].hash if m.tag in hashes else None,
                "statements": len(hashes[m.tag].statements) if m.tag in hashes else None,
                "rollback": back.get(m.tag),
            }
            for m in plan.migrations
        ],
        "problems": [p.model_dump(mode="json") for p in plan.problems],
        "hazards": list(plan.hazards),
        "statements": [effect_words.document(effect) for effect in plan.effects],
        "segments": [
            {
                "number": segment.number,
                "transaction": segment.alone is None,
                "what": describe(segment),
                "statements": [{"tag": s.tag, "line": s.line, "sql": s.text} for s in segment.statements],
                "completes": list(segment.completes),
                "when_it_fails": when_it_fails(plan, segment),
            }
            for segment in plan.segments
        ],
    }


def _show(plan: Plan, *, whole: bool) -> None:
    identity = plan.identity
    click.echo(
        f"{plan.target}: {identity.database}, PostgreSQL {identity.server_version}, system {identity.system_identifier}"
    )
    applied = [m for m in plan.migrations if m.state is State.APPLIED]
    click.echo(f"{len(applied)} applied, {len(plan.pending)} pending")
    for line in plan.migrations:
        if line.state not in {State.APPLIED, State.PENDING}:
            click.echo(f"  {line.state:<10} {line.tag}  {line.sentence}")
    back = {r.tag: r.file for r in plan.rollbacks}
    does = effect_words.by_piece(plan.effects)
    for migration in plan.pending:
        click.echo(
            f"\n  pending    {migration.tag}  ({migration.hash[:12]}, rollback: {back.get(migration.tag, 'none')})"
        )
        for number, statement in enumerate(migration.statements, 1):
            text = statement.strip()
            click.echo(f"    {number:>3}  {text if whole else _head(text)}")
            for effect in does.get((migration.tag, number - 1), ()):
                click.echo(f"         {effect_words.line(effect)}")
    for hazard in plan.hazards:
        click.echo(f"\n  hazard: {hazard}")
    for number, sentence in enumerate(sentences(plan)):
        click.echo(f"    {sentence}" if number else f"\n  {sentence}")
    for problem in plan.problems:
        click.echo(f"\n  refused: {problem.cause}")
        if problem.drizzle:
            click.echo(f"  Drizzle: {problem.drizzle}")
        click.echo(f"  HINT: {problem.remedy}")
    verdicts = {
        "ready": f"ready: `gate run` takes it from here (digest {plan.digest[:12]})",
        "nothing-pending": "nothing is pending",
        "refused": f"refused: {count(len(plan.problems), 'problem')}; production is untouched",
    }
    click.echo(f"\n{verdicts[plan.verdict]}")


def _head(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= HEAD else f"{line[: HEAD - 1]}…"
