"""`gate rollback`: applied migrations taken back with their rollback SQL, through the same checklist as a release."""

import sys

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.plan import Plan, Purpose


@click.command("rollback", epilog="Example: gate rollback 0007_add_index")
@click.argument("subject", metavar="ID|TAG")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would run, and touch nothing.")
@click.option("--yes", is_flag=True, help="Approve as the one who starts it, where policy allows that.")
@as_json
def command(*, subject: str, only_plan: bool, yes: bool, as_json: bool) -> int:
    """Take back what a release ID applied, or everything since TAG and TAG itself; newest first.

    The rollback SQL is rehearsed on the restored backup, approved and applied like a release; the rows of the ledger go
    with it, where the migration tool will then apply these migrations again.
    """
    from flows.commands.run import follow
    from flows.wish import Wish
    from tasks.steps.open import operator

    settings, policy = settings_and_policy()
    plan = _planned(subject)
    if only_plan or plan.problems:
        return _show(plan, as_json=as_json)
    wish = Wish(
        settings,
        policy,
        by=operator(),
        door="command-line",
        yes=yes,
        purpose=Purpose.ROLLBACK,
        subject=subject,
    )
    return follow(wish, as_json=as_json)


def _planned(subject: str) -> Plan:
    """The plan before anything is opened: a slip of the pen leaves no record."""
    from tasks.clients import postgres
    from tasks.occasion import Occasion
    from tasks.planners import plan_for
    from tasks.steps.open import store_of
    from tasks.workshop import production_url, tool_versions

    settings, policy = settings_and_policy()
    with postgres.connect(production_url(settings), purpose="plan", read_only=True) as connection:
        identity = postgres.identity(connection)
        occasion = Occasion(
            settings=settings,
            policy=policy,
            store=store_of(settings),
            connection=connection,
            identity=identity,
            tools=tool_versions(settings, identity),
            subject=subject,
        )
        return plan_for(Purpose.ROLLBACK, occasion)


def _show(plan: Plan, *, as_json: bool) -> int:
    from flows.commands.plan import document

    if as_json:
        print_json(document(plan))
        return 3 if plan.problems else 0
    out = sys.stdout
    click.echo(f"{plan.target}: {plan.title}", file=out)
    for number, script in enumerate(plan.pending, 1):
        click.echo(f"\n  {number}. {script.tag}  ({script.file})", file=out)
        for statement in script.statements:
            click.echo("\n".join(f"     {line}" for line in statement.strip().splitlines()), file=out)
    for hazard in plan.hazards:
        click.echo(f"\n  hazard: {hazard}", file=out)
    for problem in plan.problems:
        click.echo(f"\n  refused: {problem.cause}\n  HINT: {problem.remedy}", file=out)
    said = f"refused: {len(plan.problems)} problems" if plan.problems else f"ready: `gate rollback {plan.subject}`"
    click.echo(f"\n{said}; production is untouched", file=out)
    return 3 if plan.problems else 0
