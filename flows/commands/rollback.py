"""`gate rollback`: applied migrations taken back with their rollback SQL, through the same checklist as a release."""

import click

from flows.options import as_json
from flows.scripted import carry_out, occasion, show
from tasks.gate.plan import Purpose


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
    from tasks.planners import plan_for

    with occasion(subject) as asked:
        plan = plan_for(Purpose.ROLLBACK, asked)
    if only_plan or plan.problems:
        return show(plan, f"gate rollback {subject}", as_json=as_json)
    return carry_out(Purpose.ROLLBACK, subject, yes=yes, as_json=as_json)
