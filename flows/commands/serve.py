"""`gate serve`: the deployments of this project, offered to the Prefect server for as long as the process runs."""

import os
import tempfile
from pathlib import Path

import click

from tasks.gate.errors import ConfigurationError


@click.command("serve", epilog="Example: PREFECT_API_URL=http://127.0.0.1:4200/api gate serve")
def command() -> int:
    """Serve the `release` and `recover` deployments: started from the Prefect UI, or by `gate trigger`."""
    from flows.engine import prefect_api, prepare
    from flows.options import settings_and_policy

    settings, _ = settings_and_policy()
    api = prefect_api()
    if not api:
        raise ConfigurationError(
            "no Prefect API is configured",
            hint="export PREFECT_API_URL=http://127.0.0.1:4200/api (prefect server start)",
        )
    prepare(api)
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    from prefect import serve
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    from flows.deployments import recover, release

    click.echo(f"serving release/{settings.target} and recover/{settings.target} from {Path.cwd().name}; Ctrl-C stops")
    offered = [
        made
        for door in (release, recover)
        if isinstance(
            made := door.to_deployment(settings.target, entrypoint_type=EntrypointType.MODULE_PATH, tags=["gate"]),
            RunnerDeployment,
        )
    ]
    with tempfile.TemporaryDirectory(prefix="gate-serve-") as folder:
        # Prefect's runner uses one fixed name below the temporary folder, which may be another user's already.
        tempfile.tempdir = folder
        serve(*offered)
    return 0
