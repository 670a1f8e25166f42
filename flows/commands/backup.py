"""`gate backup`: a proven backup on its own."""

import sys

import click

from flows.options import as_json, print_json, settings_and_policy


@click.command("backup", epilog="Example: gate backup --json | jq -r .id")
@click.option("--no-proof", is_flag=True, help="Prove it later with `gate verify`; until then it does not count.")
@as_json
def command(*, no_proof: bool, as_json: bool) -> int:
    """Back production up in one snapshot, then read the backup back, restore it and compare it."""
    from datetime import UTC, datetime

    from flows.terminal import Terminal
    from tasks.back_up import take_backup
    from tasks.backups import sweep_half_backups
    from tasks.gate.wording import size
    from tasks.steps.back_up import backup_sentence, proof_sentence, prove_on
    from tasks.steps.open import store_of
    from tasks.workshop import Workshop, look

    settings, policy = settings_and_policy()
    store = store_of(settings)
    shown = Terminal(sys.stderr if as_json else sys.stdout)
    with Workshop(settings, policy, look(settings)) as workshop:
        workshop.take_lock()
        sweep_half_backups(store, settings.target)
        shown.start("Back up")
        manifest = take_backup(
            store=store,
            target=settings.target,
            url=workshop.production_url,
            programs=workshop.programs,
            policy=policy,
            identity=workshop.identity,
            now=lambda: datetime.now(UTC),
            progress=shown.progress,
        )
        shown.done(backup_sentence(manifest))
        proof = None
        if not no_proof:
            shown.start("Prove the backup")
            proof = prove_on(workshop, store, manifest, shown.progress)
            shown.done(proof_sentence(proof))
    if as_json:
        print_json(
            {
                "id": manifest.id,
                "proved": proof is not None,
                "bytes": manifest.dump.bytes,
                "taken_at": manifest.taken_at,
                "restore_seconds": proof.restore_seconds if proof else None,
            }
        )
    else:
        click.echo(f"\n{manifest.id} ({size(manifest.dump.bytes)}) in {store.describe()}")
    return 0
