"""`gate status`: the target's ledger and its releases, the past read from the record alone."""

from typing import Any

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.story import Story


@click.command("status", epilog="Example: gate status --json | jq '.releases[0].next'")
@click.option("--limit", default=5, show_default=True, help="How many releases to show.")
@as_json
def command(*, limit: int, as_json: bool) -> int:
    """Show what is applied and pending, the last releases, and any release that waits or is halted."""
    from tasks.gate.plan import State

    settings, policy = settings_and_policy()
    stories = _stories(settings, limit)
    plan = _plan(settings, policy)
    applied = [m.tag for m in plan.migrations if m.state is State.APPLIED]
    if as_json:
        print_json(
            {
                "target": settings.target,
                "database": plan.identity.database,
                "verdict": plan.verdict,
                "applied": len(applied),
                "pending": [m.tag for m in plan.pending],
                "problems": [p.model_dump(mode="json") for p in plan.problems],
                "releases": [_release(s) for s in stories],
            }
        )
        return 0
    click.echo(f"{settings.target}: {plan.identity.database} (PostgreSQL {plan.identity.server_version})")
    click.echo(f"{len(applied)} applied, {len(plan.pending)} pending{_named([m.tag for m in plan.pending])}")
    for problem in plan.problems:
        click.echo(f"  problem: {problem.cause}\n  HINT: {problem.remedy}")
    for story in stories:
        click.echo(f"\n{story.id}  {story.state}\n  {story.sentence}")
        if story.next:
            click.echo(f"  next: {story.next}")
    if not stories:
        click.echo("no release yet")
    return 0


def _plan(settings: Any, policy: Any) -> Any:
    from tasks.make_plan import make_plan

    from tasks.clients import postgres
    from tasks.workshop import production_url

    with postgres.connect(production_url(settings), purpose="status", read_only=True) as connection:
        identity = postgres.identity(connection)
        return make_plan(settings, policy, connection=connection, identity=identity, tools={})


def _stories(settings: Any, limit: int) -> list[Story]:
    from tasks.record import Record
    from tasks.steps.open import store_of
    from tasks.target_log import TargetLog

    store = store_of(settings)
    stories = []
    for entry in TargetLog(store, settings.target).releases(limit):
        if not Record.exists(store, settings.target, entry.release):
            continue
        stories.append(Record.open(store, settings.target, entry.release).story())
    return stories


def _release(story: Story) -> dict[str, Any]:
    return {
        "id": story.id,
        "state": story.state,
        "sentence": story.sentence,
        "next": story.next,
        "outcome": story.outcome,
        "exit_code": story.exit_code,
        "digest": story.digest,
        "expires_at": story.expires_at,
    }


def _named(tags: list[str]) -> str:
    return f": {', '.join(tags[:5])}{', …' if len(tags) > 5 else ''}" if tags else ""  # noqa: PLR2004
