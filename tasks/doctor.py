"""`gate doctor`: every capability that a release needs, proved by using it, one line each with its remedy."""

from collections.abc import Callable, Mapping

from config.policy import Policy
from config.settings import Settings
from tasks.doctor_bench import Bench, after, bench_for
from tasks.doctor_github import GITHUB
from tasks.doctor_gitlab import GITLAB
from tasks.doctor_places import MIGRATIONS, PREFECT, SETTINGS, STORE, STORE_CLOCK
from tasks.doctor_servers import CLOCK, DUMP, LEDGER, PRODUCTION, SCRATCH, STAGING
from tasks.doctor_slack import SERVED, SLACK, SLACK_CHANNEL, SLACK_PEOPLE
from tasks.gate.evidence import Finding
from tasks.gate.redaction import secrets_of
from tasks.preflight import (
    client_tools,
    disk,
    logical_replication,
    pooler,
    primary,
    privileges,
    production_health,
    staging_health,
    staging_identity,
    version,
)
from tasks.preflight.asking import ask_all
from tasks.preflight.check import Check
from tasks.preflight.question import Surroundings


def _on_production(check: Check[Bench] | Check[Surroundings]) -> Check[Bench]:
    return after(lambda bench: bench.identity, "production cannot be reached", check)


def _on_both(check: Check[Bench] | Check[Surroundings]) -> Check[Bench]:
    return _on_production(after(lambda bench: bench.staging_identity(), "staging cannot be reached", check))


def _with_tools(check: Check[Bench] | Check[Surroundings]) -> Check[Bench]:
    return _on_production(after(lambda bench: bench.programs(), "no PostgreSQL programs fit production", check))


CHECKS: tuple[Check[Bench], ...] = (
    SETTINGS,
    MIGRATIONS,
    PRODUCTION,
    _on_production(primary.CHECK),
    _on_production(pooler.CHECK),
    _on_production(LEDGER),
    _on_production(privileges.CHECK),
    _on_production(logical_replication.CHECK),
    STAGING,
    _on_both(staging_identity.CHECK),
    _on_production(client_tools.CHECK),
    _with_tools(DUMP),
    _on_production(SCRATCH),
    STORE,
    _on_production(disk.CHECK),
    _on_production(CLOCK),
    STORE_CLOCK,
    production_health.CHECK,
    staging_health.CHECK,
    version.CHECK,
    PREFECT,
    SLACK,
    SLACK_CHANNEL,
    SLACK_PEOPLE,
    SERVED,
    GITHUB,
    GITLAB,
)


def examine(
    settings: Settings,
    policy: Policy,
    *,
    tell: Callable[[Finding], None] = lambda _finding: None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Try everything, whatever fails on the way; production is only read.

    Args:
        settings: where things are.
        policy: what the team decided.
        tell: called with each finding as soon as it is known.
        environment: where PREFECT_API_URL is looked up; the process's own when None.
    """
    findings = []
    with bench_for(settings, policy, environment) as bench:
        for finding in ask_all(CHECKS, bench, secrets_of(settings)):
            tell(finding)
            findings.append(finding)
    return tuple(findings)
