"""A repair says that migrations ran: production's schema must be what their replay makes of an empty database."""

from pydantic import SecretStr

from tasks.clients.schema_text import schema_difference, schema_text
from tasks.gate.errors import GateError
from tasks.gate.plan import Folder
from tasks.gate.repair import is_compared
from tasks.gate.wording import count
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Question
from tasks.replay import replay
from tasks.schema_before import without_ledger_schema
from tasks.tool import tool

MOST_LINES = 200  # of a difference are kept as evidence; the rest is counted


def ask(question: Question) -> Answer:
    """Replay what the ledger will hold, and compare `pg_dump -s` of production with it."""
    if not is_compared(question.plan):
        return not_configured("this repair does not say that anything ran")
    plan, said = question.plan, _said(question)
    try:
        replayed = replay(question.scratch(), said, plan.ledger_schema, plan.ledger_table, question.session())
    except GateError as error:
        return failed(f"there is nothing to compare production with: {error.message}", hint=error.hint)
    theirs = _schema(question, question.production_url)
    ours = _schema(question, question.scratch().database_url(replayed))
    lines = schema_difference(ours, theirs, "replayed from the migrations", "production")
    if not lines:
        return passed(f"production's schema equals the replay of {count(len(said.migrations), 'migration')}")
    changed = sum(line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} for line in lines)
    cut = [f"… and {count(len(lines) - MOST_LINES, 'more line')}"] if len(lines) > MOST_LINES else []
    return failed(
        f"production's schema differs from the replay of {count(len(said.migrations), 'migration')} in"
        f" {count(changed, 'line')}",
        [*lines[:MOST_LINES], *cut],
        hint="lines with - would be missing although the ledger says they ran: run that migration, or mark fewer; lines"
        " with + exist in production only",
    )


def _schema(question: Question, url: SecretStr) -> str:
    schema, table = question.plan.ledger_schema, question.plan.ledger_table
    return without_ledger_schema(schema_text(url, question.programs(), exclude_ledger=(schema, table)), schema)


def _said(question: Question) -> Folder:
    """The migrations that the ledger will say ran."""
    plan, folder = question.plan, question.folder
    rows = tool(plan.tool).rows
    held = {rows.key(row, plan.generation) for row in plan.ledger_after or ()}
    ran = tuple(m for m in folder.migrations if rows.key(rows.written(m, plan.generation), plan.generation) in held)
    return folder.model_copy(update={"migrations": ran})


CHECK = Check("marked-schema", "What is marked as applied is there", ask, repairs_only=True)
