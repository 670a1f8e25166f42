"""`gate trigger`: start the release on the Prefect server, once per key, and follow it if asked to."""

import time
from typing import Any

import click

from flows.options import as_json, print_json, settings_and_policy, waivers, with_waivers
from tasks.gate.errors import ConfigurationError
from tasks.gate.outcome import EXIT_BY_OUTCOME

PAUSE_SECONDS = 2.0
PATIENCE_SECONDS = (
    600.0  # how long a server may be away before the follower gives up; the release does not depend on it
)
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


@click.command("trigger", epilog='Example: gate trigger --wait --key "$GITHUB_SHA"')
@click.option("--wait", is_flag=True, help="Follow the release; the exit code is its outcome.")
@click.option("--key", default="", help="The same key twice starts the same release; a commit, for example.")
@with_waivers
@as_json
def command(*, wait: bool, key: str, waive: tuple[str, ...], reason: str, as_json: bool) -> int:
    """Start the release deployment of this target on the Prefect server."""
    from flows.engine import prefect_api
    from flows.prefect_rest import PrefectApi
    from tasks.steps.open import operator

    settings, _ = settings_and_policy()
    url = prefect_api()
    if not url:
        raise ConfigurationError("no Prefect API is configured", hint="export PREFECT_API_URL=http://host:4200/api")
    api = PrefectApi(url)
    who = operator()
    parameters = {
        "started_by": who,
        "waive": [{"check": w.check, "reason": w.reason} for w in waivers(waive, reason, who)],
    }
    run = api.start(f"release/{settings.target}", parameters, key=f"{settings.target}:{key}" if key else "")
    if not as_json:
        click.echo(f"started flow run {run} on {api.address}")
    if not wait:
        if as_json:
            print_json({"flow_run": run})
        return 0
    state = _follow(api, run, quiet=as_json)
    outcome, _, sentence = (state.get("message") or "").partition(": ")
    code = EXIT_BY_OUTCOME.get(outcome)
    if code is None:
        code = 6
        sentence = f"the run ended as {state['name']} without an outcome; `gate status` says what production shows"
    if as_json:
        print_json({"flow_run": run, "outcome": outcome, "sentence": sentence, "exit_code": code})
    else:
        click.echo(f"{outcome.upper() or 'UNKNOWN'}: {sentence}")
    return code


def _follow(api: Any, run: str, *, quiet: bool) -> dict[str, Any]:
    """Follow a run until it ends; a server that is away for a while is asked again."""
    shown, away_since = "", None
    while True:
        state = api.state(run)
        if state is None:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > PATIENCE_SECONDS:
                raise ConfigurationError(
                    f"the Prefect server at {api.address} has not answered for {PATIENCE_SECONDS / 60:.0f} minutes",
                    hint="the release goes on without it; `gate status` says where it is",
                )
        else:
            away_since = None
            line = f"{state['name']}: {state.get('message') or ''}".rstrip(": ")
            if line != shown and not quiet:
                click.echo(line)
            shown = line
            if state["type"] in ENDED:
                return dict(state)
        time.sleep(PAUSE_SECONDS)
