"""`gate drill`: prove the newest backup again and walk the way back with it, away from production."""

import sys

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("drill", epilog="Example: gate drill --json | jq .held")
@as_json
def command(*, as_json: bool) -> int:
    """Restore the newest backup on a scratch server, compare it, and rehearse the swap; exit code 3 if it fails."""
    from flows.drill import hold
    from flows.terminal import Terminal

    settings, policy = settings_and_policy()
    shown = Terminal(sys.stderr if as_json else sys.stdout)
    outcome, held = hold(settings, policy, shown)
    if as_json:
        print_json({**held.model_dump(mode="json"), "exit_code": outcome.exit_code})
    else:
        click.echo(f"\n{outcome.outcome.upper()}: {outcome.sentence}")
        if held.hint:
            click.echo(f"HINT: {held.hint}")
    return outcome.exit_code
