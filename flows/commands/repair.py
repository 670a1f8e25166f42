"""`gate repair`: what disagrees between folder and ledger, and the safe remedies, each through the whole checklist."""

from typing import Any

import click

from flows.options import as_json, print_json, settings_and_policy
from flows.scripted import carry_out, occasion, show
from tasks.gate.plan import Plan, Purpose
from tasks.gate.wording import count


@click.command("repair", epilog="Example: gate repair run 0007_add_index")
@click.argument("kind", required=False, default="", metavar="[KIND]")
@click.argument("tag", required=False, default="", metavar="[TAG]")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would run, and touch nothing.")
@click.option("--yes", is_flag=True, help="Approve as the one who starts it, where policy allows that.")
@as_json
def command(*, kind: str, tag: str, only_plan: bool, yes: bool, as_json: bool) -> int:
    """List what is wrong with the ledger and what mends it; with a KIND, mend it.

    \b
    run TAG         run a migration that Drizzle skipped, and write its own row
    mark TAG        mark as applied what production has already, or what was edited since
    restamp [TAG]   give a row the time that the journal has
    rename TAG      give the row of a renamed folder its new name
    name TAG        name a row that Drizzle 0.x wrote into a table of 1.0
    forget ROW      remove a row that belongs to nothing, or that is one too many
    baseline [TAG]  take over a database that has the schema and no history
    upgrade         give the table the shape of Drizzle 1.0

    Each is planned, backed up, rehearsed and approved like a release, and changes exactly the rows that it shows.
    """  # noqa: D301  (click's own mark for lines that stay as they are)
    from tasks.planners import plan_for

    if not kind:
        return _list(as_json=as_json)
    subject = f"{kind} {tag}".strip()
    with occasion(subject) as asked:
        plan = plan_for(Purpose.REPAIR, asked)
    if only_plan or plan.problems:
        return show(plan, f"gate repair {subject}", as_json=as_json)
    return carry_out(Purpose.REPAIR, subject, yes=yes, as_json=as_json)


def _list(*, as_json: bool) -> int:
    from tasks.make_plan import make_plan
    from tasks.plan_repair import offers
    from tasks.survey import survey

    settings, policy = settings_and_policy()
    with occasion("") as asked:
        plan = make_plan(settings, policy, connection=asked.connection, identity=asked.identity, tools=asked.tools)
        found = offers(asked, survey(settings, asked.connection))
    remedies = [{"command": f"gate repair {offer.subject}", "does": offer.title} for offer in found]
    if as_json:
        print_json(_document(plan, remedies))
        return 0
    for problem in plan.problems:
        click.echo(f"  {problem.kind}: {problem.cause}")
        if problem.drizzle:
            click.echo(f"  Drizzle: {problem.drizzle}")
        click.echo(f"  HINT: {problem.remedy}\n")
    width = max((len(remedy["command"]) for remedy in remedies), default=0)
    for remedy in remedies:
        click.echo(f"  {remedy['command']:<{width}}  {remedy['does']}")
    words = "add --plan to any of them to see its SQL" if remedies else "no repair of the ledger is offered"
    told = f"{count(len(plan.problems), 'problem')}, {count(len(remedies), 'repair')}"
    if remedies and not plan.problems:
        told = "nothing is wrong; this is only for what production has already, by hand or by a lost row"
    click.echo(f"\n{plan.target}: {told}; {words}; nothing was touched")
    return 0


def _document(plan: Plan, remedies: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "target": plan.target,
        "problems": [p.model_dump(mode="json") for p in plan.problems],
        "repairs": remedies,
    }
