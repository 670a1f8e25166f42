"""`gate restore`: a backup restored beside production, proved, and swapped in; nothing is dropped."""

import signal
import sys

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.errors import Declined


@click.command("restore", epilog="Example: gate restore backup-20261123-220512")
@click.argument("backup", metavar="BACKUP")
@click.option("--yes", is_flag=True, help="Do not ask for the target's name.")
@click.option("--another-cluster", is_flag=True, help="The backup is of another cluster or database, which is lost.")
@as_json
def command(*, backup: str, yes: bool, another_cluster: bool, as_json: bool) -> int:
    """Bring production back to a backup; the present database is renamed and kept."""
    from flows.commands.run import stop_here
    from flows.restoring import restore
    from flows.terminal import Terminal
    from tasks.backups import find_backup
    from tasks.steps.open import store_of

    settings, policy = settings_and_policy()
    store = store_of(settings)
    manifest = find_backup(store, settings.target, backup)
    if not yes:
        click.echo(
            f"{settings.target} goes back to {manifest.taken_at[:19]} UTC. What was written since is kept in the "
            "database that is renamed, and will be counted.",
            err=True,
        )
        click.echo(f"Type the target's name ({settings.target}) to go on: ", nl=False, err=True)
        if sys.stdin.readline().strip() != settings.target:
            raise Declined("the target's name was not typed; nothing was restored", hint="--yes does not ask")
    for number in (signal.SIGTERM, signal.SIGHUP):  # a lost terminal must not leave production closed half way
        signal.signal(number, stop_here)
    shown = Terminal(sys.stderr if as_json else sys.stdout)
    outcome, release = restore(settings, policy, store, manifest, shown, another_cluster=another_cluster)
    shown.plain(f"\n{outcome.sentence}\nevidence: gate report {release}")
    if as_json:
        print_json({"id": release, **outcome.model_dump(mode="json")})
    return outcome.exit_code
