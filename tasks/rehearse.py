"""Run the plan on the restored copy exactly as production will see it, and say what it does there."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.effects import EffectTrace
from tasks.clients.programs import Programs
from tasks.clients.rewrite_notes import install, uninstall
from tasks.clients.scratch import ScratchServer
from tasks.gate.errors import GateError, Refused
from tasks.gate.losses import replaced_rows, total_changes
from tasks.gate.model import sha256
from tasks.gate.plan import Plan, unit_of
from tasks.gate.rehearsal import Rehearsal, RehearsedStatement
from tasks.gate.rehearsal_failures import refusal
from tasks.gate.surprises import surprises
from tasks.gate.wording import count
from tasks.kill_points import reached
from tasks.rehearsal_states import PATIENCE_MS, Seen, changed_tables, ledger_names, look, losses, rows_of
from tasks.rehearsal_watch import Watch
from tasks.rehearse_partial import rehearse_partial
from tasks.rehearse_rollback import go_back, judge_return
from tasks.rehearse_segments import Ran, run_watched
from tasks.roll_back import missing_rollbacks
from tasks.tool import StatementFailed, run

Say = Callable[[str], None]
Tell = Callable[[str, int], None]


def _silent(_sentence: str) -> None:
    return None


def rehearse(
    *,
    scratch: ScratchServer,
    database: str,
    plan: Plan,
    programs: Programs,
    progress: Say = _silent,
    say: Say = _silent,
) -> Rehearsal:
    """Apply the plan to a copy of the restored database, then its rollback and the plan again to another copy.

    Safe to run twice: the restored database is only read, after it was given the settings that production's sessions
    begin with; the copies are made anew and dropped at the end.

    Args:
        scratch: the server that holds the restored database, never production's.
        database: the restored database, with nobody connected to it.
        plan: what is pending, with its rollback SQL.
        programs: client programs; pg_dump writes the schema texts.
        progress: a figure that replaces the last one.
        say: a line that stays.

    Raises:
        Refused: a statement fails on the copy, as it would in production; the sentence names it.
    """
    try:
        progress("copying the restored database")
        with _copies(scratch, database, plan) as (up, trip):
            reached("rehearse:copied")
            progress("reading the restored database")
            before = look(scratch.database_url(database), plan, programs)
            ran = _apply_watched(up, plan, before, progress)
            statements = ran.statements
            reached("rehearse:applied")
            what = f"{count(len(statements), 'statement')} of {count(len(plan.pending), unit_of(plan))}"
            say(f"{what} ran on the restored copy")
            went = go_back(trip, plan, progress)
            progress("comparing before and after")
            after, returned = _look_at_both(up, None if went.failure else trip, plan, programs)
            return Rehearsal(
                statements=statements,
                seconds=ran.seconds,
                schema_sha256=sha256(after.schema.encode()),
                schema_text=after.schema,
                schema_before=before.schema,
                rollback=judge_return(went, before, returned, after, plan, programs),
                partial=rehearse_partial(scratch, database, plan, before, after, programs=programs, progress=progress),
                losses=(*losses(before, after), *_replaced(statements, before, after)),
                surprises=_surprises(ran, before, after),
                same_server_build=scratch.version_num == plan.identity.server_version_num,
            )
    except psycopg.Error as error:
        raise Refused(
            f"the scratch server failed during the rehearsal: {type(error).__name__}",
            hint="production is untouched; look at its disk space and memory, then `gate resume`",
        ) from None


@contextmanager
def _copies(scratch: ScratchServer, database: str, plan: Plan) -> Iterator[tuple[SecretStr, SecretStr | None]]:
    """A copy for the plan and, for the way back, one more; gone at the end, without hiding the first error."""
    names, session, back = [f"{database}_up", f"{database}_trip"], plan.session_settings, not missing_rollbacks(plan)
    for name in names:
        scratch.drop_database(name)  # what an interrupted rehearsal left on a server of the team's
    try:
        scratch.use_settings(database, session)  # it is compared with them: pg_dump writes times in the TimeZone
        up = scratch.create_database(names[0], template=database, settings=session)
        trip = scratch.create_database(names[1], template=database, settings=session) if back else None
        yield up, trip
    finally:
        for name in names:
            with suppress(GateError, psycopg.Error):  # the scratch server itself ends soon
                scratch.drop_database(name)


def _look_at_both(up: SecretStr, trip: SecretStr | None, plan: Plan, programs: Programs) -> tuple[Seen, Seen | None]:
    """Both copies at the same time: each is one session that hashes, on a core of its own where there are two."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        returned = None if trip is None else pool.submit(look, trip, plan, programs)
        after = look(up, plan, programs)
        return after, None if returned is None else returned.result()


def _apply_watched(url: SecretStr, plan: Plan, before: Seen, progress: Say) -> Ran:
    total = {migration.tag: len(migration.statements) for migration in plan.pending}

    def tell(tag: str, index: int) -> None:
        progress(f"{tag}: statement {index + 1} of {max(total[tag], index + 1)}")

    with (
        postgres.connect(url, purpose="rehearse", statement_timeout_ms=PATIENCE_MS) as connection,
        postgres.connect(url, purpose="watch rehearsal") as watcher,
    ):
        install(watcher)
        try:
            if plan.segments:
                ran = run_watched(connection, watcher, url, plan, before, tell)
            else:
                ran = _run_watched(connection, watcher, plan, before, tell)
        except StatementFailed as failure:
            raise refusal(failure) from None
        uninstall(watcher)
    return ran


def _run_watched(
    connection: postgres.Connection, watcher: postgres.Connection, plan: Plan, before: Seen, tell: Tell
) -> Ran:
    """A plan that one transaction holds."""
    effects = EffectTrace(rows_of(before), ignored=ledger_names(watcher, plan)[1])
    watch = Watch(watcher, connection.info.backend_pid, before.shapes, effects, tell)
    run(connection, plan, watch)
    statements, seconds = watch.finish()
    return Ran(statements, tuple(watch.texts), seconds)


def _replaced(statements: tuple[RehearsedStatement, ...], before: Seen, after: Seen) -> tuple[str, ...]:
    net = {
        old.label: before.fingerprint.tables[old.label].rows - after.fingerprint.tables[new.label].rows
        for old, new in changed_tables(before, after)
        if new is not None and new.label in after.fingerprint.tables
    }
    return replaced_rows(net, total_changes([change for s in statements for change in s.rows]))


def _surprises(ran: Ran, before: Seen, after: Seen) -> tuple[str, ...]:
    moved = {old.label for old, new in changed_tables(before, after) if new is not None}
    return surprises(list(zip(ran.statements, ran.texts, strict=True)), before.shapes, after.shapes, moved)
