"""`gate diff`: what this branch adds to the migrations of another one; for pull requests, and without a database."""

import json
import os
from pathlib import Path

import click

from config.settings import Settings
from flows.ci_report import annotate, in_repository, write_summary
from flows.commands.plan import document
from flows.options import as_json, print_json, settings_and_policy
from tasks.gate import proposal
from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Plan


@click.command("diff", epilog="Example: gate diff --base origin/main --comment")
@click.option("--base", default="origin/main", show_default=True, help="The commit or branch to compare with.")
@click.option("--postgres", "major", default=17, show_default=True, help="Production's major version.")
@click.option("--comment", is_flag=True, help="Write it below the pull request on GitHub, as one comment of ours.")
@click.option("--code-quality", type=click.Path(path_type=Path), help="Write GitLab's code quality report there.")
@as_json
def command(*, base: str, major: int, comment: bool, code_quality: Path | None, as_json: bool) -> int:
    """Show which migrations are new, with hazards and everything that would refuse the release.

    In a GitHub workflow each finding is also an annotation at its line, and the job's summary shows the plan.
    """
    from tasks.compare_folders import compare_folders

    settings, policy = settings_and_policy()
    plan = compare_folders(settings, policy, base, major)
    found = proposal.marks(plan)
    folder = in_repository(settings.migrations)
    annotate(found, folder)
    write_summary(proposal.comment(plan, base))
    if code_quality is not None:
        code_quality.write_text(json.dumps(proposal.code_quality(found, folder)), encoding="utf-8")
    if comment:
        _write_comment(settings, plan, base)
    if as_json:
        print_json({"base": base, **document(plan)})
    else:
        for mark in found:
            place = f"{mark.file}:{mark.line}: " if mark.file else ""
            click.echo(f"{mark.level}: {place}{mark.sentence}")
        click.echo(proposal.verdict(plan, base))
    return 3 if plan.problems else 0


def _write_comment(settings: Settings, plan: Plan, base: str) -> None:
    from tasks.clients.github import GitHub

    reference = os.environ.get("GITHUB_REF", "")
    number = reference.removeprefix("refs/pull/").partition("/")[0]
    if not number.isdigit() or settings.github_token is None or not settings.github_repository:
        raise ConfigurationError(
            "there is no pull request to comment on",
            hint="run it on `pull_request`, with GATE_GITHUB_TOKEN and GATE_GITHUB_REPOSITORY",
        )
    github = GitHub(settings.github_api_url, settings.github_repository, settings.github_token)
    github.put_comment(int(number), proposal.marker(plan.target), proposal.comment(plan, base))
