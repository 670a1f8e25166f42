"""`gate resume`: take up an interrupted or waiting release, from the record and from what production shows."""

import click

from flows.options import as_json, settings_and_policy


@click.command("resume", epilog="Example: gate resume 20261123-220512-shop-a1b2c3")
@click.argument("release_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Approve as the one who resumes, where policy allows that.")
@as_json
def command(*, release_id: str, yes: bool, as_json: bool) -> int:
    """Find out what a release did, and finish or undo it; safe to run at any time, also twice."""
    from flows.commands.run import follow
    from flows.wish import Wish
    from tasks.steps.open import operator

    settings, policy = settings_and_policy()
    wish = Wish(settings, policy, by=operator(), door="command-line", yes=yes, take_up=release_id)
    return follow(wish, as_json=as_json)
