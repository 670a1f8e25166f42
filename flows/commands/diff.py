"""`gate diff`: what this branch adds to the migrations of another one; for pull requests, and without production."""

import json
from pathlib import Path

import click

from config.policy import Policy
from config.settings import Settings
from flows.ci_report import annotate, in_repository, write_summary
from flows.commands.plan import document
from flows.options import as_json, print_json, settings_and_policy
from tasks.gate import proposal
from tasks.gate.plan import Plan
from tasks.gate.redaction import redacted, secrets_of
from tasks.gate.rehearsal import TEXTS
from tasks.gate.report_rehearsal import rehearsal_section, rollback_section
from tasks.gate.report_text import section_text
from tasks.gate.tried import Tried
from tasks.gate.wording import sentence

SUMMARY_ROOM = 300_000  # characters; a job's summary takes a mebibyte of bytes
MAJOR = 17  # where nothing says which version production has


@click.command("diff", epilog="Example: gate diff --base origin/main --rehearse --comment")
@click.option("--base", default="origin/main", show_default=True, help="The commit or branch to compare with.")
@click.option(
    "--postgres", "major", type=int, help=f"Production's major version; the backup's, else {MAJOR}, unless given."
)
@click.option(
    "--rehearse",
    "wish",
    type=click.Choice(["auto", "backup", "empty"]),
    is_flag=False,
    flag_value="auto",
    help="Run them on a scratch server: on the newest proved backup, or on what the base's migrations make.",
)
@click.option("--comment", is_flag=True, help="Write it below the pull or merge request, as one comment of ours.")
@click.option("--code-quality", type=click.Path(path_type=Path), help="Write GitLab's code quality report there.")
@as_json
def command(
    *, base: str, major: int | None, wish: str | None, comment: bool, code_quality: Path | None, as_json: bool
) -> int:
    """Show which migrations are new, with hazards, everything that would refuse the release, and their rehearsal.

    In a GitHub workflow each finding is also an annotation at its line, and the job's summary shows the plan.
    """
    settings, policy = settings_and_policy()
    plan, tried = _compared(settings, policy, base, major, wish)
    found = proposal.marks(plan, tried)
    folder = in_repository(settings.migrations)
    annotate(found, folder)
    hidden = secrets_of(settings)
    write_summary(redacted(proposal.comment(plan, base, tried, room=SUMMARY_ROOM), hidden))
    if code_quality is not None:
        code_quality.write_text(json.dumps(proposal.code_quality(found, folder)), encoding="utf-8")
    if comment:
        from flows.ci_forges import write_comment

        write_comment(settings, proposal.marker(plan.target), redacted(proposal.comment(plan, base, tried), hidden))
    if as_json:
        shown = tried.model_dump(mode="json", exclude={"rehearsal": set(TEXTS)}) if tried else None
        print_json({"base": base, **document(plan), "rehearsed": shown})
    else:
        for mark in found:
            place = f"{mark.file}:{mark.line}: " if mark.file else ""
            click.echo(f"{mark.level}: {place}{mark.sentence}")
        _show(plan, tried)
        click.echo(proposal.verdict(plan, base))
        if tried is not None:
            click.echo(tried.sentence)
    return 3 if plan.problems else tried.exit_code if tried else 0


def _compared(
    settings: Settings, policy: Policy, base: str, major: int | None, wish: str | None
) -> tuple[Plan, Tried | None]:
    from tasks.compare_folders import compare_folders
    from tasks.grounds import Wish, choose_ground
    from tasks.rehearse_proposal import rehearse_proposal

    ground = choose_ground(settings, Wish(wish)) if wish else None
    plan = compare_folders(settings, policy, base, major or (ground.major if ground else None) or MAJOR)
    if ground is None or plan.verdict != "ready":
        return plan, None
    say = lambda line: click.echo(line, err=True)  # noqa: E731
    return plan, rehearse_proposal(settings, policy, base, ground, major=major, say=say)


def _show(plan: Plan, tried: Tried | None) -> None:
    """The rehearsal in a terminal."""
    if tried is None or tried.rehearsal is None:
        return
    found = tried.rehearsal
    for section in (rehearsal_section(found, None, plan.effects, tried.place), rollback_section(found.rollback)):
        click.echo("\n".join(("", *section_text(section), "")))
    for line in (tried.worth, *tried.notes):
        click.echo(sentence(line))
    click.echo()
