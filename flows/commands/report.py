"""`gate report`: the evidence of a release, from its record and nothing else."""

import shutil

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.report import Report


@click.command("report", epilog="Example: gate report 20261123-220512-shop-a1b2c3 --html > release.html")
@click.argument("release_id", metavar="ID")
@click.option("--verify", is_flag=True, help="Check every byte of the record against its chain of checksums.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option("--html", is_flag=True, help="Print one self-contained page.")
@as_json
def command(*, release_id: str, verify: bool, markdown: bool, html: bool, as_json: bool) -> int:
    """Show what was checked, backed up, rehearsed, approved, applied and recovered."""
    problems = _problems(release_id) if verify else None
    if problems:
        for problem in problems:
            click.echo(problem, err=True)
        raise Refused(
            f"the record of {release_id} is not what was written: {problems[0]}",
            hint="compare with the store's older versions; do not rely on this record",
        )
    report = compiled(release_id, problems)
    if as_json:
        print_json(report.document)
    elif markdown or html:
        click.echo(report.markdown() if markdown else report.html(), nl=False)
    else:
        click.echo(report.text(width=min(shutil.get_terminal_size().columns, 120)), nl=False)
    return 0


def _problems(release_id: str) -> tuple[str, ...]:
    from tasks.record import Record, new_owner
    from tasks.steps.open import store_of
    from tasks.target_log import TargetLog

    settings, _ = settings_and_policy()
    store = store_of(settings)
    if not Record.exists(store, settings.target, release_id):
        Record.open(store, settings.target, release_id, owner=new_owner())
    return TargetLog(store, settings.target).verify(release_id)


def compiled(release_id: str, problems: tuple[str, ...] | None) -> Report:
    """The report of a release of the configured target.

    Raises:
        ConfigurationError: there is no such release.
    """
    from datetime import UTC, datetime

    from tasks.backups import find_backup
    from tasks.gate.report import compile_report
    from tasks.gate.story import fold
    from tasks.record import Record
    from tasks.steps.open import store_of

    settings, _ = settings_and_policy()
    store = store_of(settings)
    record = Record.open(store, settings.target, release_id)
    taken = record.last("backed_up")
    try:
        manifest = find_backup(store, settings.target, taken.body["backup"]) if taken else None
    except ConfigurationError:
        manifest = None  # the backup may have been removed since; the record still says what it was
    story = fold(record.events, datetime.now(UTC), release_id)
    return compile_report(release_id, settings.target, record.events, story, manifest=manifest, chain_problems=problems)
