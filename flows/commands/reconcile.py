"""`gate reconcile`: look once at the open release, and wake, take up or name what nobody carries any more."""

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("reconcile", epilog="Example: gate reconcile --json | jq -r .sentence")
@as_json
def command(*, as_json: bool) -> int:
    """Resume a release that has a decision and that nobody took up; name one whose process is gone.

    `gate serve` does the same every 15 seconds.
    """
    from flows.engine import prefect_api
    from flows.reconcile import Reconciler

    settings, policy = settings_and_policy()
    found = Reconciler(settings, policy, api=prefect_api()).look()
    if as_json:
        print_json(found.model_dump(mode="json") if found else {"release": "", "deed": "nothing", "sentence": ""})
    else:
        click.echo(f"{found.release}: {found.sentence}" if found else f"no release is open on {settings.target}")
    return 0
