"""`gate serve`: the approval endpoint, and the deployments offered to Prefect, for as long as the process runs."""

import os
import signal
import threading
from pathlib import Path

import click

from config.policy import Policy
from config.settings import Settings, SettingsError
from flows.options import as_json, settings_and_policy
from tasks.gate.errors import ConfigurationError


@click.command("serve", epilog="Example: PREFECT_API_URL=http://127.0.0.1:4200/api gate serve")
@as_json
def command(*, as_json: bool) -> int:
    """Answer Slack and GitHub where they are configured, and offer the deployments where a Prefect API is.

    With --json the log lines are JSON objects.
    """
    from flows.engine import prefect_api
    from flows.web.log_lines import log_to_standard_error
    from flows.web.run import doors_wanted, serving_doors

    settings, policy = settings_and_policy()
    api = prefect_api()
    wanted = doors_wanted(settings)
    if not api and not wanted:
        raise ConfigurationError(
            "nothing to serve: no Prefect API is configured, and neither Slack nor GitHub is",
            hint="export PREFECT_API_URL=http://127.0.0.1:4200/api (prefect server start), or GATE_SLACK_… (README)",
        )
    as_json = as_json or settings.log_format == "json"
    log_to_standard_error(as_json=as_json)
    if not wanted:
        return _offer_deployments(settings, policy, api, as_json=as_json)
    with serving_doors(settings, _policy_now) as address:
        click.echo(f"answering on {address}; Ctrl-C stops")
        return _offer_deployments(settings, policy, api, as_json=as_json) if api else _wait_for_a_signal()


def _policy_now() -> Policy:
    """The policy as it is in the file at this moment: what was reviewed since this process started counts.

    Raises:
        ConfigurationError: it cannot be read, so nothing can be decided.
    """
    try:
        return settings_and_policy()[1]
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None


def _wait_for_a_signal() -> int:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    stopped.wait()
    return 0


def _offer_deployments(settings: Settings, policy: Policy, api: str, *, as_json: bool) -> int:
    from flows.engine import prepare
    from flows.web.log_lines import log_to_standard_error

    prepare(api, as_json=as_json)
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    from flows.offering import offer

    log_to_standard_error(as_json=as_json)

    names = ", ".join(f"{flow}/{settings.target}" for flow in ("release", "recover", "drill"))
    click.echo(f"serving {names} from {Path.cwd().name}; Ctrl-C or SIGTERM lets what acts end, and stops")
    offer(settings, policy, api=api)
    return 0
