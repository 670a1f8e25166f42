"""`gate approve`: a yes to exactly the plan that the release waits with."""

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("approve", epilog='Example: gate approve 20261123-220512-shop-a1b2c3 --comment "read the rehearsal"')
@click.argument("release_id", metavar="ID")
@click.option("--comment", default="", help="Kept in the record.")
@as_json
def command(*, release_id: str, comment: str, as_json: bool) -> int:
    """Approve a waiting release; recorded with your operating-system user."""
    from flows.commands.decide import decide, show

    decision, woken = decide(*settings_and_policy(), release_id, approved=True, comment=comment)
    if as_json:
        print_json({"id": release_id, **decision.model_dump(mode="json"), "woken": woken})
    else:
        show(release_id, decision, woken=woken)
    return 0
