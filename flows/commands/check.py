"""`gate check`: the preflight checklist alone, read-only."""

import click

from flows.options import as_json, print_json, settings_and_policy, waivers, with_waivers


@click.command("check", epilog="Example: gate check --json | jq '.findings[] | select(.verdict == \"fail\")'")
@with_waivers
@as_json
def command(*, waive: tuple[str, ...], reason: str, as_json: bool) -> int:
    """Ask every check of the checklist and show every answer; nothing is opened, backed up or changed."""
    from datetime import UTC, datetime

    from tasks.clients import git, postgres
    from tasks.gate.evidence import Verdict
    from tasks.gate.report_text import checks_lines
    from tasks.make_plan import make_plan
    from tasks.preflight import run_checks
    from tasks.preflight.question import Question
    from tasks.steps.open import operator
    from tasks.tool import tool
    from tasks.workshop import Workshop, look, tool_versions

    settings, policy = settings_and_policy()
    with Workshop(settings, policy, look(settings)) as workshop:
        with postgres.connect(workshop.production_url, purpose="plan", read_only=True) as connection:
            tools = tool_versions(settings, workshop.identity)
            plan = make_plan(settings, policy, connection=connection, identity=workshop.identity, tools=tools)
        with Question(
            settings=settings,
            policy=policy,
            now=datetime.now(UTC),
            programs=lambda: workshop.programs,
            scratch=lambda: workshop.scratch,
            plan=plan,
            folder=tool(plan.tool).read_folder(settings.migrations),
            commit=git.head(settings.migrations),
        ) as question:
            findings = run_checks(question, waivers(waive, reason, operator()))
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if as_json:
        print_json(
            {
                "target": settings.target,
                "digest": plan.digest,
                "findings": [f.model_dump(mode="json") for f in findings],
            }
        )
    else:
        click.echo("\n".join(checks_lines(findings)))
    return 3 if failed or plan.problems else 0
