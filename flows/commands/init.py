"""`gate init`: a commented gate.toml from what this project holds."""

from pathlib import Path

import click

from flows.options import as_json, print_json


@click.command("init", epilog="Example: gate init && gate doctor")
@click.option("--show", is_flag=True, help="Print the file instead of writing it.")
@as_json
def command(*, show: bool, as_json: bool) -> int:
    """Write gate.toml from the migrations folder, its tool and its rollback folder; never overwrites one."""
    from tasks.start_project import propose, write

    if show:
        click.echo(propose(Path.cwd()), nl=False)
        return 0
    file = write(Path.cwd())
    if as_json:
        print_json({"written": file.name})
    else:
        click.echo(f"wrote {file.name}; read it, export GATE_PRODUCTION_URL and GATE_STAGING_URL, then: gate doctor")
    return 0
