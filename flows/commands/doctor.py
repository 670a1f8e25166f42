"""`gate doctor`: every capability that a release needs, proved by using it."""

import click

from flows.options import as_json, print_json, settings_and_policy
from tasks.gate.evidence import MARKS, Finding, Verdict
from tasks.gate.wording import count


@click.command("doctor", epilog="Example: gate doctor --json | jq '.findings[] | select(.verdict == \"fail\")'")
@as_json
def command(*, as_json: bool) -> int:
    """Check settings, connections, privileges, programs, scratch server and store; each problem with its remedy."""
    from tasks.doctor import examine

    settings, policy = settings_and_policy()
    findings = examine(settings, policy, tell=_nothing if as_json else _show)
    failed = sum(f.verdict is Verdict.FAIL for f in findings)
    if as_json:
        print_json({"target": settings.target, "findings": [f.model_dump(mode="json") for f in findings]})
    else:
        click.echo(f"\n{count(failed, 'problem')}" if failed else "\nready: gate plan shows what would run")
    return 2 if failed else 0


def _show(finding: Finding) -> None:
    click.echo(f"{MARKS[finding.verdict]} {finding.title}: {finding.sentence}")
    if finding.hint and finding.verdict in {Verdict.FAIL, Verdict.WARN}:
        click.echo(f"  HINT: {finding.hint}")


def _nothing(_finding: Finding) -> None:
    return None
