"""`gate status`: the target's ledger and its releases, the past read from the record alone."""

from typing import Any

import click

from config.policy import Policy
from config.settings import Settings
from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.errors import GateError
from tasks.gate.plan import State
from tasks.gate.story import Story
from tasks.gate.wording import listing


@click.command("status", epilog="Example: gate status --json | jq '.releases[0].next'")
@click.option("--limit", type=click.IntRange(min=0), default=5, show_default=True, help="How many releases to show.")
@as_json
def command(*, limit: int, as_json: bool) -> int:
    """Show what is applied and pending, the last releases, and any release that waits or is halted."""
    from tasks.drills import last_drill
    from tasks.steps.open import store_of

    settings, policy = settings_and_policy()
    stories = _stories(settings, limit)
    target = _target(settings, policy)
    drill = last_drill(store_of(settings), settings.target)
    if as_json:
        held = drill.model_dump(mode="json") if drill else None
        print_json({"target": settings.target, **target, "releases": [_release(s) for s in stories], "drill": held})
    else:
        _show(settings.target, target, stories)
        if drill is not None:
            click.echo(
                f"\nlast drill, {drill.at[:16]} UTC: {'held' if drill.held else 'did NOT hold'}\n  {drill.sentence}"
            )
    return 2 if target["error"] else 0


def _show(name: str, target: dict[str, Any], stories: list[Story]) -> None:
    pending = target["pending"]
    named = f" ({listing(pending)})" if pending else ""
    counted = f"{target['database']}: {target['applied']} applied, {len(pending)} pending{named}"
    click.echo(f"{name}: {target['error'] or counted}")
    for problem in target["problems"]:
        click.echo(f"  problem: {problem['cause']}\n  HINT: {problem['remedy']}")
    for story in stories:
        click.echo(f"\n{story.id}  {story.state}\n  {story.sentence}")
        if story.next:
            click.echo(f"  next: {story.next}")
    if not stories:
        click.echo("no release yet")


def _target(settings: Settings, policy: Policy) -> dict[str, Any]:
    """What production and the folder say now; an error here must not hide what the record says."""
    from tasks.clients import postgres
    from tasks.make_plan import make_plan
    from tasks.workshop import production_url

    found = {"database": "", "verdict": "unknown", "applied": 0, "pending": [], "problems": [], "error": ""}
    try:
        with postgres.connect(production_url(settings), purpose="status", read_only=True) as connection:
            identity = postgres.identity(connection)
            plan = make_plan(settings, policy, connection=connection, identity=identity, tools={})
    except GateError as error:
        return {**found, "error": error.message}
    return {
        **found,
        "database": identity.database,
        "verdict": plan.verdict,
        "applied": sum(m.state is State.APPLIED for m in plan.migrations),
        "pending": [m.tag for m in plan.pending],
        "problems": [p.model_dump(mode="json") for p in plan.problems],
    }


def _stories(settings: Settings, limit: int) -> list[Story]:
    from tasks.record import Record
    from tasks.steps.open import store_of
    from tasks.target_log import TargetLog

    store = store_of(settings)
    return [
        Record.open(store, settings.target, entry.release).story()
        for entry in TargetLog(store, settings.target).releases(limit)
        if Record.exists(store, settings.target, entry.release)
    ]


def _release(story: Story) -> dict[str, Any]:
    return story.model_dump(
        mode="json",
        include={
            "id",
            "state",
            "sentence",
            "next",
            "outcome",
            "exit_code",
            "digest",
            "expires_at",
            "holds_until",
            "started_at",
            "ended_at",
        },
    )
