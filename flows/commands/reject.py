"""`gate reject`: a no, with its reason."""

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("reject", epilog='Example: gate reject 20261123-220512-shop-a1b2c3 --reason "not on a Friday"')
@click.argument("release_id", metavar="ID")
@click.option("--reason", required=True, help="Kept in the record and shown to the one who started it.")
@as_json
def command(*, release_id: str, reason: str, as_json: bool) -> int:
    """Reject a waiting release; production stays untouched."""
    from flows.commands.decide import decide, show

    decision, woken = decide(*settings_and_policy(), release_id, approved=False, comment=reason)
    if as_json:
        print_json({"id": release_id, **decision.model_dump(mode="json"), "woken": woken})
    else:
        show(release_id, decision, woken=woken)
    return 0
