"""`gate approve`: a yes to exactly the plan that the release waits with."""

import click

from flows.options import as_json, settings_and_policy
from tasks.gate.errors import ConfigurationError


@click.command("approve", epilog='Example: gate approve 20261123-220512-shop-a1b2c3 --comment "read the rehearsal"')
@click.argument("release_id", metavar="ID")
@click.option("--comment", default="", help="Kept in the record.")
@click.option("--break-glass", is_flag=True, help="An emergency: two people whom the policy names do this together.")
@click.option("--reason", default="", help="Why the glass must be broken; shown wherever the release is.")
@click.option("--as-database-user", is_flag=True, help="Be known by the role in GATE_PRODUCTION_URL.")
@as_json
def command(
    *, release_id: str, comment: str, break_glass: bool, reason: str, as_database_user: bool, as_json: bool
) -> int:
    """Approve a waiting release; recorded with your operating-system user."""
    from flows.commands.decide import decide_here

    if break_glass and not reason.strip():
        raise ConfigurationError(
            "--break-glass needs a reason", hint='gate approve ID --break-glass --reason "why it cannot wait"'
        )
    if reason and not break_glass:
        raise ConfigurationError("--reason belongs to --break-glass", hint="an ordinary yes takes --comment")
    return decide_here(
        *settings_and_policy(),
        release_id,
        approved=True,
        comment=reason if break_glass else comment,
        break_glass=break_glass,
        as_database_user=as_database_user,
        as_json=as_json,
    )
