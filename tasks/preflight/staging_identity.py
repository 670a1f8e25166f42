"""Staging is not production: else the test in staging would be no test, and not in staging."""

from tasks.gate.identity import Identity
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned
from tasks.preflight.question import Surroundings


def ask(around: Surroundings) -> Answer:
    """Compare what both databases say of themselves, whatever their addresses are."""
    staging = around.staging_identity()
    if staging is None:
        return not_configured("no staging database is set", hint="set GATE_STAGING_URL")
    return _judge(around.identity, staging)


def _judge(production: Identity, staging: Identity) -> Answer:
    lines = [f"production: {_named(production)}", f"staging: {_named(staging)}"]
    if staging.same_database(production):
        return failed(
            f"staging and production are the same database, {production.database}",
            lines,
            hint="GATE_STAGING_URL and GATE_PRODUCTION_URL lead to one place: correct the one that is wrong",
        )
    if staging.system_identifier == production.system_identifier:
        return warned(
            f"staging ({staging.database}) is on production's own cluster", lines, hint="give staging its own server"
        )
    if staging.major != production.major:
        return warned(
            f"staging runs PostgreSQL {staging.server_version}, production {production.server_version}",
            lines,
            hint="a migration may behave differently there: bring staging to production's major version",
        )
    return passed(f"staging is {_named(staging)}", lines)


def _named(identity: Identity) -> str:
    return f"{identity.database} of cluster {identity.system_identifier} (PostgreSQL {identity.server_version})"


CHECK = Check("staging-identity", "Staging is not production", ask, releases_only=True)
