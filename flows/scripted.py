"""What the doors of plans that are no releases share: made before anything is opened, shown, carried out."""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flows.options import print_json, settings_and_policy, waivers
from tasks.gate.plan import Plan, Purpose
from tasks.gate.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.occasion import Occasion


@contextmanager
def occasion(subject: str) -> "Iterator[Occasion]":
    """What a planner needs, with production open for reading: a slip of the pen leaves no record."""
    from tasks.clients import postgres
    from tasks.occasion import Occasion
    from tasks.steps.open import store_of
    from tasks.workshop import production_url, tool_versions

    settings, policy = settings_and_policy()
    with postgres.connect(production_url(settings), purpose="plan", read_only=True) as connection:
        identity = postgres.identity(connection)
        yield Occasion(
            settings=settings,
            policy=policy,
            store=store_of(settings),
            connection=connection,
            identity=identity,
            tools=tool_versions(settings, identity),
            subject=subject,
        )


def carry_out(
    purpose: Purpose, subject: str, *, yes: bool, as_json: bool, waive: Sequence[str] = (), reason: str = ""
) -> int:
    """Take it through the whole checklist in this terminal; the exit code is the outcome."""
    from flows.commands.run import follow
    from flows.wish import Wish
    from tasks.steps.open import operator

    settings, policy = settings_and_policy()
    by, door = operator(), "command-line"
    waived = waivers(waive, reason, by)
    wish = Wish(settings, policy, by=by, door=door, waivers=waived, yes=yes, purpose=purpose, subject=subject)
    return follow(wish, as_json=as_json)


def show(plan: Plan, command: str, *, as_json: bool) -> int:
    """The plan with every statement as it would run; 3 when it is refused."""
    from flows.commands.plan import document

    if as_json:
        print_json(document(plan))
        return 3 if plan.problems else 0
    click.echo(f"{plan.target}: {plan.title}")
    for number, script in enumerate(plan.pending, 1):
        click.echo(f"\n  {number}. {script.tag}  ({script.file})")
        for statement in script.statements:
            click.echo("\n".join(f"     {line}" for line in statement.strip().splitlines()))
    for hazard in plan.hazards:
        click.echo(f"\n  hazard: {hazard}")
    for problem in plan.problems:
        drizzle = f"\n  Drizzle: {problem.drizzle}" if problem.drizzle else ""
        click.echo(f"\n  refused: {problem.cause}{drizzle}\n  HINT: {problem.remedy}")
    said = f"refused: {count(len(plan.problems), 'problem')}" if plan.problems else f"ready: `{command}`"
    click.echo(f"\n{said}; production is untouched")
    return 3 if plan.problems else 0
