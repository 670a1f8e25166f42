"""`gate trigger`: start the release on the Prefect server, once per commit and target, and follow it if asked to."""

import signal

import click

from flows.options import as_json, print_json, settings_and_policy, waivers, with_waivers
from tasks.gate.errors import GateError


@click.command("trigger", epilog="Example: gate trigger --wait")
@click.option("--wait", is_flag=True, help="Follow the release; the exit code is its outcome.")
@click.option("--commit", default="", help="The commit to release; CI's own, else the one checked out here.")
@click.option("--key", default="", help="The same key twice starts the same release; the commit unless given.")
@click.option("--again", is_flag=True, help="Start anew when the last release of this commit did not succeed.")
@click.option(
    "--patience", default=10.0, show_default=True, help="Minutes that a server may be away while --wait follows."
)
@with_waivers
@as_json
def command(
    *,
    wait: bool,
    commit: str,
    key: str,
    again: bool,
    patience: float,
    waive: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> int:
    """Start the release deployment of this target with the files of this folder; they are what runs, or nothing is."""
    from flows.ci_report import CiReport
    from flows.commands.run import stop_here
    from flows.following import Follower
    from flows.starting import start, starter

    settings, _ = settings_and_policy()
    by = starter()
    started = start(settings, waivers(waive, reason, by), by=by, commit=commit, key=key, again=again)
    if not as_json:
        click.echo(f"started flow run {started.run} on {started.api.address}")
    if not wait:
        if as_json:
            print_json({"flow_run": started.run})
        return 0
    report = CiReport(settings, started.commit)
    report.begun()
    for number in (signal.SIGTERM, signal.SIGHUP):  # how CI cancels a job, beside SIGINT
        signal.signal(number, stop_here)
    follower = Follower(
        started.api,
        started.run,
        settings,
        started.store,
        say=lambda line: click.echo(line, err=as_json),
        waits=report.waits,
    )
    try:
        outcome = follower.follow(patience * 60)
    except KeyboardInterrupt:
        report.left(follower.release)
        click.echo("the release goes on without this job; the same command follows it again", err=True)
        raise
    report.ended(outcome, follower.release, _markdown(follower.release), follower.plan)
    if as_json:
        print_json({"flow_run": started.run, "id": follower.release, **outcome.model_dump(mode="json")})
    else:
        click.echo(f"{outcome.outcome.upper()}: {outcome.sentence}")
    return outcome.exit_code


def _markdown(release: str) -> str:
    """The report of a release whose record can be read here; empty when there is none."""
    from flows.commands.report import compiled

    try:
        return compiled(release, None).markdown() if release else ""
    except GateError:
        return ""
