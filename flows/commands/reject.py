"""`gate reject`: a no, with its reason."""

import click

from flows.options import as_json, settings_and_policy


@click.command("reject", epilog='Example: gate reject 20261123-220512-shop-a1b2c3 --reason "not on a Friday"')
@click.argument("release_id", metavar="ID")
@click.option("--reason", required=True, help="Kept in the record and shown to the one who started it.")
@click.option("--as-database-user", is_flag=True, help="Be known by the role in GATE_PRODUCTION_URL.")
@as_json
def command(*, release_id: str, reason: str, as_database_user: bool, as_json: bool) -> int:
    """Reject a waiting release, also an approved one that waits for its window; production stays untouched."""
    from flows.commands.decide import decide_here

    return decide_here(
        *settings_and_policy(),
        release_id,
        approved=False,
        comment=reason,
        as_database_user=as_database_user,
        as_json=as_json,
    )
