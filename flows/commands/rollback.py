"""`gate rollback`: applied migrations taken back with their rollback SQL, through the same checklist as a release."""

import click

from flows.options import as_json, print_json, settings_and_policy, with_waivers
from flows.scripted import carry_out, occasion, show
from tasks.gate.plan import Purpose


@click.command("rollback", epilog="Example: gate rollback 0007_add_index")
@click.argument("subject", metavar="ID|TAG")
@click.option("--draft", is_flag=True, help="Write a draft of TAG's rollback SQL; needs no production.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would run, and touch nothing.")
@click.option("--yes", is_flag=True, help="Approve as the one who starts it, where policy allows that.")
@with_waivers
@as_json
def command(
    *, subject: str, draft: bool, only_plan: bool, yes: bool, waive: tuple[str, ...], reason: str, as_json: bool
) -> int:
    """Take back what a release ID applied, or everything since TAG and TAG itself; newest first.

    The rollback SQL is rehearsed on the restored backup, approved and applied like a release; the rows of the ledger go
    with it, where the migration tool will then apply these migrations again.
    """
    from tasks.planners import plan_for

    if draft:
        return _draft(subject, as_json=as_json)
    with occasion(subject) as asked:
        plan = plan_for(Purpose.ROLLBACK, asked)
    if only_plan or plan.problems:
        return show(plan, f"gate rollback {subject}", as_json=as_json)
    return carry_out(Purpose.ROLLBACK, subject, yes=yes, as_json=as_json, waive=waive, reason=reason)


def _draft(tag: str, *, as_json: bool) -> int:
    from tasks.draft_rollback import write_draft

    settings, _ = settings_and_policy()
    written = write_draft(settings, tag)
    if as_json:
        print_json(
            {
                "tag": tag,
                "file": str(written.file) if written.file else None,
                "exact": written.trial.exact,
                "statements": len(written.draft.statements),
                "cannot": list(written.cannot),
                "differs": list(written.trial.differs),
            }
        )
        return 0
    click.echo(written.text)
    where = f"written to {written.file}" if written.file else "put it below the migration's own `-- migrate:down`"
    click.echo(f"{where}; read it, correct it, and take its first line away")
    return 0
