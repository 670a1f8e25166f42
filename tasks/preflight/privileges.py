"""The role may do what the release will ask of it: read everything, write the ledger, and bring production back."""

from tasks.clients.postgres import Connection
from tasks.clients.privileges import (
    Missing,
    missing_for_backup,
    missing_for_ledger,
    missing_for_segments,
    missing_for_sight,
    missing_for_swap,
)
from tasks.gate.wording import count
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.preflight.question import Question, Surroundings
from tasks.tool import ledger_place


def ask(around: Surroundings) -> Answer:
    """Ask one by one; what the backup or the ledger lacks refuses, what only a restore by swap lacks warns.

    Whether the role owns every table that the migrations alter shows in no privilege; the rehearsal cannot tell either,
    so the apply's own transaction is what is rolled back then.
    """
    production = around.production()
    schema, table = _ledger(around)
    needed = [*missing_for_backup(production), *missing_for_ledger(production, schema, table)]
    if isinstance(around, Question) and around.plan.segments:
        needed += missing_for_segments(production)
    wanted = [*_for_swap(around, production), *missing_for_sight(production)]
    user = production.info.user
    lines = [str(m) for m in [*needed, *wanted]]
    if needed:
        more = f", and {count(len(needed) - 1, 'more thing')}" if len(needed) > 1 else ""
        return failed(f"{user} lacks what the release needs: {needed[0].what}{more}", lines, hint=needed[0].remedy)
    if wanted:
        return warned(f"{user} {wanted[0].what}", lines, hint=wanted[0].remedy)
    return passed(f"{user} may read everything, write {schema}.{table}, and swap a restored backup in")


def _ledger(around: Surroundings) -> tuple[str, str]:
    """The one that the plan found, which need not be the one that is set."""
    if isinstance(around, Question):
        return around.plan.ledger_schema, around.plan.ledger_table
    return ledger_place(around.settings)


def _for_swap(around: Surroundings, production: Connection) -> list[Missing]:
    return missing_for_swap(production) if around.policy.recovery.allow_restore else []


CHECK = Check("privileges", "The role may do what the release needs", ask)
