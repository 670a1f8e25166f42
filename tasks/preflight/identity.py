"""Production is the database that it is expected to be: by policy, and by what this target's name stood for so far."""

from tasks.clients import postgres
from tasks.gate.identity import Identity
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Question


def ask(question: Question) -> Answer:
    """Hold what production says of itself now against the plan, gate.toml and the newest earlier release."""
    now = postgres.identity(question.production())
    checks = question.policy.checks
    problems = [
        *_unlike(now, checks.expected_database, checks.expected_system_identifier),
        *_moved(now, question.plan.identity, question.known_as(), question.settings.target),
    ]
    named = f"database {now.database} of cluster {now.system_identifier}"
    lines = [f"{named}, timeline {now.timeline}, PostgreSQL {now.server_version}"]
    if problems:
        return failed(
            "; ".join(problems), lines, hint="look at GATE_PRODUCTION_URL and GATE_TARGET before anything else"
        )
    if not checks.expected_database and not checks.expected_system_identifier:
        return not_configured(
            f"production is {named}; gate.toml does not say which one it must be",
            hint=f'set checks.expected_system_identifier = "{now.system_identifier}"',
        )
    return passed(f"production is {named}, as gate.toml expects", lines)


def _unlike(now: Identity, database: str | None, cluster: str | None) -> list[str]:
    problems = []
    if database and now.database != database:
        problems.append(f"gate.toml expects database {database}, and production is {now.database}")
    if cluster and now.system_identifier != cluster:
        problems.append(f"gate.toml expects cluster {cluster}, and production is on {now.system_identifier}")
    return problems


def _moved(now: Identity, planned: Identity, known_as: Identity | None, target: str) -> list[str]:
    problems = []
    if not now.same_database(planned) or now.database != planned.database:
        problems.append(
            f"the plan was made for {planned.database} of cluster {planned.system_identifier}, and another database "
            f"answers now: {now.database} of cluster {now.system_identifier}"
        )
    # Not the oid: a restore that was swapped in has another one, and is production all the same.
    was = (known_as.system_identifier, known_as.database) if known_as else None
    if was and was != (now.system_identifier, now.database):
        problems.append(
            f"the target's name {target} stood for {was[1]} of cluster {was[0]} until now, and is used for "
            f"{now.database} of cluster {now.system_identifier}: two databases must not share a name"
        )
    return problems


CHECK = Check("identity", "Production is the expected database", ask)
