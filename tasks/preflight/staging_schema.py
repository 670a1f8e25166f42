"""No drift: staging's schema is what the migrations make of an empty database, and nothing else."""

from tasks.clients.programs import Programs, find
from tasks.clients.schema_text import schema_difference, schema_text
from tasks.gate.errors import GateError
from tasks.gate.wording import count
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Question

MOST_LINES = 200  # of a difference are kept as evidence; the rest is counted


def ask(question: Question) -> Answer:
    """Compare `pg_dump -s` of staging with that of the replay, and show the difference."""
    url = question.settings.staging_url
    if url is None:
        return not_configured("no staging database is set", hint="set GATE_STAGING_URL")
    question.staging()  # says why, when it cannot be reached
    try:
        replayed = question.replayed()
    except GateError:
        return failed(
            "there is nothing to compare staging with: the replay from empty failed", hint="see the check `replay`"
        )
    ledger = (question.plan.ledger_schema, question.plan.ledger_table)
    programs = _programs(question)
    theirs = schema_text(url, programs, exclude_ledger=ledger)
    ours = schema_text(question.scratch().database_url(replayed), programs, exclude_ledger=ledger)
    lines = schema_difference(ours, theirs, "replayed from the migrations", "staging")
    if not lines:
        return passed("staging's schema equals the replay of the migrations")
    changed = sum(line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} for line in lines)
    cut = [f"… and {count(len(lines) - MOST_LINES, 'more line')}"] if len(lines) > MOST_LINES else []
    return failed(
        f"staging's schema differs from the replay of the migrations in {count(changed, 'line')}",
        [*lines[:MOST_LINES], *cut],
        hint="lines with + exist on staging only, lines with - come from the migrations only: "
        "bring what was changed by hand into a migration, or take it back",
    )


def _programs(question: Question) -> Programs:
    """One pg_dump for both sides, since two write the same schema differently: production's, unless it is too old."""
    ours, staging = question.programs(), question.staging_identity()
    if staging is None or staging.major <= ours.major:
        return ours
    return find(staging.major, question.settings.pg_bin, server=False)


CHECK = Check("staging-schema", "Tested in staging, without drift", ask, releases_only=True)
