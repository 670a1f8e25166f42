"""`gate backups`: the list, and a backup as one plain SQL file for people without Gate."""

from pathlib import Path

import click

from flows.options import as_json, print_json, settings_and_policy


@click.group("backups", invoke_without_command=True, epilog="Example: gate backups export backup-20261123-220512")
@as_json
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> int:
    """List the backups of the target, newest first."""
    if context.invoked_subcommand is not None:
        return 0
    from tasks.backups import half_backups, list_backups, unreadable_backups
    from tasks.gate.wording import size
    from tasks.steps.open import store_of

    settings, _ = settings_and_policy()
    store = store_of(settings)
    found = list_backups(store, settings.target)
    if as_json:
        print_json(
            [
                {
                    "id": manifest.id,
                    "proved": proof is not None,
                    "bytes": manifest.dump.bytes,
                    "taken_at": manifest.taken_at,
                    "restore_seconds": proof.restore_seconds if proof else None,
                    "proved_at": proof.proved_at if proof else None,
                }
                for manifest, proof in found
            ]
        )
        return 0
    for manifest, proof in found:
        proved = f"proved, restored in {proof.restore_seconds:.1f} s" if proof else "not proved: gate verify proves it"
        click.echo(f"{manifest.id}  {size(manifest.dump.bytes):>9}  {manifest.taken_at[:19]} UTC  {proved}")
    for backup, reason in unreadable_backups(store, settings.target):
        click.echo(f"{backup}  unusable: {reason}")
    for backup in half_backups(store, settings.target):
        click.echo(f"{backup}  unfinished: it has no manifest")
    if not found:
        click.echo(f"{settings.target} has no backup in {store.describe()}; gate backup takes one")
    return 0


@command.command(
    "export",
    short_help="Write a backup as one plain SQL file.",
    epilog="Example: gate backups export backup-20261123-220512 --to .",
)
@click.argument("backup", metavar="BACKUP")
@click.option("--to", "folder", type=click.Path(path_type=Path), default=Path(), help="A folder, or a file.")
def export(*, backup: str, folder: Path) -> int:
    """Write a backup as one plain SQL file, `backup-YYYYMMDD-HHMMSS.sql`, for psql."""
    from tasks.backups import export_plain, find_backup
    from tasks.clients import programs
    from tasks.steps.open import store_of

    settings, _ = settings_and_policy()
    store = store_of(settings)
    manifest = find_backup(store, settings.target, backup)
    fitting = programs.find(manifest.identity.major, settings.pg_bin, server=False)
    click.echo(str(export_plain(store, manifest, fitting, folder)))
    return 0
