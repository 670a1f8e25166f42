"""Try the way back on a copy of its own: the plan, its rollback SQL, a comparison with before, and the plan again."""

import time
from collections.abc import Callable
from typing import NamedTuple

from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.schema_text import normalised, schema_difference, schema_text
from tasks.gate.errors import GateError
from tasks.gate.fingerprint import differences
from tasks.gate.losses import sequence_ahead
from tasks.gate.plan import Plan, Purpose
from tasks.gate.rehearsal import RollbackRehearsal
from tasks.gate.rehearsal_failures import told
from tasks.gate.wording import count, duration, listing
from tasks.kill_points import reached
from tasks.rehearsal_states import PATIENCE_MS, Seen
from tasks.roll_back import missing_rollbacks, roll_back
from tasks.run_segments import run_plan

SHOWN = 60  # lines of differences that are kept
RULES = ("extension ", "owner of ", "grants on ")  # differences that belong to the schema rather than to the rows


class _Compared(NamedTuple):
    schema: tuple[str, ...]
    content: tuple[str, ...]
    ledger: tuple[str, ...]
    ahead: tuple[str, ...]  # sequences: numbers that were handed out are not taken back


class Return(NamedTuple):
    """How the way back went; not compared yet."""

    available: bool
    seconds: float = 0.0
    failure: str = ""  # why it cannot be used


def go_back(
    url: SecretStr | None, plan: Plan, progress: Callable[[str], None], *, recorded: int | None = None
) -> Return:
    """Apply the plan and take it back; never raises for what the SQL does.

    Args:
        url: a copy of the restored database, free to be changed; None when rollback SQL is missing.
        plan: with its rollback SQL.
        progress: a figure that replaces the last one.
        recorded: how many of its migrations are whole and have their row; all when None.
    """
    if url is None and plan.purpose is not Purpose.RELEASE:  # its own scripts are no migrations that could have some
        return Return(available=False, failure="nothing takes this back but the restore of the backup")
    if url is None:
        missing = listing(missing_rollbacks(plan))
        return Return(
            available=False, failure=f"no rollback SQL for {missing}: the way back is the restore of the backup"
        )
    with postgres.connect(url, purpose="rehearse", statement_timeout_ms=PATIENCE_MS) as connection:
        try:
            progress("running the plan on a second copy")
            run_plan(connection, plan)
        except GateError as error:
            return Return(available=True, failure=f"the plan ran once, and failed on a second copy at {_said(error)}")
        try:
            progress("rehearsing the rollback")
            reached("rehearse:rollback")
            started = time.perf_counter()
            roll_back(connection, plan, recorded=recorded)
        except GateError as error:
            return Return(available=True, failure=f"the rollback SQL cannot be used: {_said(error)}")
    return Return(available=True, seconds=time.perf_counter() - started)


def judge_return(
    went: Return, before: Seen, returned: Seen | None, after: Seen, plan: Plan, programs: Programs
) -> RollbackRehearsal:
    """Compare the copy that came back with the restored database, and run the plan on it once more.

    Args:
        went: what `go_back` said.
        before: the restored database.
        returned: the copy that went there and back; None when it did not.
        after: a copy with the plan applied, whose schema the second run must reach too.
        plan: the plan.
        programs: pg_dump, as for the others.
    """
    if returned is None:
        return RollbackRehearsal(available=went.available, sentence=went.failure)
    found = _compare(before, returned)
    once_more = _once_more(returned.url, plan, programs, after.schema)
    return RollbackRehearsal(
        available=True,
        ran=True,
        schema_equal=not found.schema,
        data_equal=not found.content,
        ledger_equal=not found.ledger,
        again=not once_more,
        seconds=went.seconds,
        differences=_kept((*found.content, *found.ledger, *found.schema, *once_more)),
        sentence=_sentence(found, once_more, went.seconds),
    )


def _said(error: GateError) -> str:
    """A migration's failure without values of rows; the rollback's own errors hold none."""
    return told(error) if "server_message" in error.nouns else error.message


def _compare(before: Seen, after: Seen) -> _Compared:
    was, now = before.schema, after.schema
    if not before.ledger.schema_exists:  # the gate made it for the ledger, as Drizzle does
        now = now.replace(f"CREATE SCHEMA {after.ledger_schema};\n", "", 1)
    ahead = {
        name: position
        for name, position in before.fingerprint.sequences.items()
        if name in after.fingerprint.sequences and sequence_ahead(position, after.fingerprint.sequences[name])
    }
    found = after.fingerprint.model_copy(update={"sequences": {**after.fingerprint.sequences, **ahead}})
    lines = differences(before.fingerprint, found)
    rules = tuple(line for line in lines if line.startswith(RULES))
    return _Compared(
        schema=(*rules, *schema_difference(normalised(was), normalised(now), "before the plan", "after the rollback")),
        content=tuple(line for line in lines if line not in rules),
        ledger=() if before.ledger.rows == after.ledger.rows else ("the ledger holds other rows than before",),
        ahead=tuple(sorted(ahead)),
    )


def _once_more(url: SecretStr, plan: Plan, programs: Programs, expected: str) -> tuple[str, ...]:
    """What keeps the plan from running again after the rollback; empty when it reaches the same schema."""
    with postgres.connect(url, purpose="rehearse", statement_timeout_ms=PATIENCE_MS) as connection:
        try:
            run_plan(connection, plan)
        except GateError as error:
            return (f"after the rollback the plan fails at {_said(error)}",)
    reached = schema_text(url, programs, exclude_ledger=(plan.ledger_schema, plan.ledger_table))
    return schema_difference(expected, reached, "after the plan", "after the rollback and the plan once more")


def _kept(lines: tuple[str, ...]) -> tuple[str, ...]:
    return lines if len(lines) <= SHOWN else (*lines[:SHOWN], f"... and {count(len(lines) - SHOWN, 'more line')}")


def _sentence(found: _Compared, once_more: tuple[str, ...], seconds: float) -> str:
    places = ("schema", found.schema), ("data", found.content), ("ledger", found.ledger)
    differ = [name for name, lines in places if lines]
    if differ:
        verb = "differs" if len(differ) == 1 else "differ"
        return f"the rollback SQL ran, but does not bring everything back: the {listing(differ)} {verb}"
    if once_more:
        return "the rollback SQL brings everything back, but the plan does not run to the same schema after it"
    ahead = f"; {listing(found.ahead)} stayed ahead, which harms nothing" if found.ahead else ""
    return (
        f"the rollback SQL took everything back in {duration(seconds)}: schema, data and ledger are as before, "
        f"and the plan ran once more after it{ahead}"
    )
