"""`gate verify`: prove a stored backup again."""

import sys

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("verify", epilog="Example: gate verify backup-20261123-220512")
@click.argument("backup", metavar="BACKUP")
@as_json
def command(*, backup: str, as_json: bool) -> int:
    """Read a backup back from the store, restore it on a scratch server, and compare every table with its manifest."""
    from flows.terminal import Terminal
    from tasks.backups import find_backup
    from tasks.steps.back_up import proof_sentence, prove_on
    from tasks.steps.open import store_of
    from tasks.workshop import Workshop

    settings, policy = settings_and_policy()
    store = store_of(settings)
    manifest = find_backup(store, settings.target, backup)
    shown = Terminal(sys.stderr if as_json else sys.stdout)
    with Workshop(settings, policy, manifest.identity) as workshop:  # production need not exist any more
        shown.start("Prove the backup")
        proof = prove_on(workshop, store, manifest, shown.progress)
        shown.done(proof_sentence(proof))
    if as_json:
        print_json({"id": manifest.id, "proved": True, **proof.model_dump(mode="json")})
    return 0
