"""Step 3, preflight: read-only checks, all asked, all shown; the tuple below is the checklist."""

from collections.abc import Sequence

from config.policy import Policy
from tasks.gate.evidence import MARKS, Finding, Verdict, Waiver, require_waivable, with_waivers
from tasks.gate.plan import Purpose
from tasks.gate.redaction import secrets_of
from tasks.preflight import (
    client_tools,
    conditions,
    disk,
    github_review,
    identity,
    invalid_indexes,
    logical_replication,
    marked_schema,
    old_transactions,
    other_writers,
    pooler,
    prepared_transactions,
    primary,
    privileges,
    production_health,
    replay_from_empty,
    review,
    rollback,
    staging_health,
    staging_identity,
    staging_ledger,
    staging_schema,
    team_commands,
    version,
    window,
)
from tasks.preflight.asking import ask_all
from tasks.preflight.check import Check
from tasks.preflight.question import Question

CHECKS: tuple[Check[Question], ...] = (
    replay_from_empty.CHECK,
    staging_ledger.CHECK,
    staging_schema.CHECK,
    staging_identity.CHECK,
    staging_health.CHECK,
    marked_schema.CHECK,
    rollback.CHECK,
    review.CHECK,
    github_review.CHECK,
    version.CHECK,
    window.CHECK,
    conditions.CHECK,
    production_health.CHECK,
    identity.CHECK,
    primary.CHECK,
    pooler.CHECK,
    invalid_indexes.CHECK,
    prepared_transactions.CHECK,
    old_transactions.CHECK,
    other_writers.CHECK,
    logical_replication.CHECK,
    privileges.CHECK,
    client_tools.CHECK,
    disk.CHECK,
)


# Named in one line each: what needs a person's eye must not drown among what does not. The report shows all of it.
QUIET = (Verdict.PASS, Verdict.NOT_CONFIGURED)


def checks_for(policy: Policy) -> tuple[Check[Question], ...]:
    """The checklist under a policy: the gate's own checks, then the team's commands.

    Raises:
        ConfigurationError: a command has the name of another check.
    """
    own = [check.name for check in CHECKS]
    return (*CHECKS, *team_commands.command_checks(policy.checks.command, own))


def accept_waivers(policy: Policy, waivers: Sequence[Waiver]) -> None:
    """Refuse waivers that cannot count before a release is opened: it would be refused for a slip of the pen.

    Raises:
        ConfigurationError: no such check, a waiver that policy forbids, or one without a name or a reason.
    """
    require_waivable([check.name for check in checks_for(policy)], waivers, policy.checks)


def run_checks(question: Question, waivers: Sequence[Waiver]) -> tuple[Finding, ...]:
    """Ask every check, whatever the others answer, and mark the failures that were waived.

    Raises:
        ConfigurationError: a waiver that cannot count; nothing was asked then.
    """
    accept_waivers(question.policy, waivers)
    purpose = question.plan.purpose
    checks = [
        check
        for check in checks_for(question.policy)
        if (purpose is Purpose.RELEASE or not check.releases_only)
        and (purpose is Purpose.REPAIR or not check.repairs_only)
    ]
    findings = []
    for finding in ask_all(checks, question, secrets_of(question.settings)):
        if finding.verdict not in QUIET:
            question.say(f"{MARKS[finding.verdict]} {finding.title}: {finding.sentence}")
        findings.append(finding)
    for verdict in QUIET:
        if named := [f.check for f in findings if f.verdict is verdict]:
            question.say(f"{MARKS[verdict]} {verdict}: {', '.join(named)}")
    return with_waivers(findings, waivers, question.policy)
