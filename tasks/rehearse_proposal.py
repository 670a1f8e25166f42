"""Rehearses what a branch adds to the migrations, on a scratch server alone: it needs no production."""

import time
from collections.abc import Callable

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import kept
from tasks.compare_folders import folder_at
from tasks.gate.errors import GateError, Refused
from tasks.gate.identity import Identity
from tasks.gate.plan import Folder, Plan
from tasks.gate.rehearsal_failures import told
from tasks.gate.tried import Tried
from tasks.gate.wording import count, moment
from tasks.grounds import Ground
from tasks.make_plan import make_plan
from tasks.refuse_backup import refuse_unfit, refuse_wrong_backup
from tasks.rehearsal_states import PATIENCE_MS
from tasks.rehearse import rehearse
from tasks.replay import replay
from tasks.restore_on_scratch import restore_on_scratch
from tasks.run_segments import plan_over, run_plan
from tasks.scratch_for_drafts import production_session, scratch_for_drafts
from tasks.steps.back_up import RESTORED
from tasks.survey import survey
from tasks.tool import StatementFailed, ledger_place, tool_of
from tasks.workshop import Workshop

Say = Callable[[str], None]


class _Misfit(Refused):
    """The backup's ledger is not one that this branch could meet."""


def rehearse_proposal(
    settings: Settings, policy: Policy, base: str, ground: Ground, *, major: int | None, say: Say
) -> Tried:
    """Run the added migrations, their rollback SQL and the migrations again; what stops it is part of the answer.

    Args:
        settings: folder, target, scratch server.
        policy: what it says of hazards.
        base: the commit that the branch is compared with.
        ground: what to stand on, as `choose_ground` found it.
        major: version of the scratch server where the ground does not say it; any that is here when None.
        say: told what is being done.
    """
    notes: tuple[str, ...] = (f"no backup could be used: {ground.why}",) if ground.why else ()
    try:
        if ground.stored is not None:
            try:
                return _on_backup(settings, policy, base, ground, say)
            except _Misfit as misfit:
                if ground.insists:
                    raise
                notes = (f"the newest backup could not be used: {misfit.message}",)
        return _on_empty(settings, policy, base, notes, major=major or ground.major, say=say)
    except GateError as error:
        return _failed(error, Tried(notes=notes))
    except psycopg.Error as error:
        said = error.diag.message_primary or type(error).__name__
        return _failed(Refused(f"the scratch server failed: {said}", hint="look at its disk space and memory"), Tried())


def _on_backup(settings: Settings, policy: Policy, base: str, ground: Ground, say: Say) -> Tried:
    assert ground.stored is not None
    store, manifest, proof = ground.stored
    say(f"restoring {manifest.id} on a scratch server")
    with Workshop(settings, policy, manifest.identity) as workshop:
        scratch, programs = workshop.scratch, workshop.programs
        refuse_wrong_backup(store, manifest, None, proof.manifest_sha256)
        refuse_unfit(manifest, scratch.major, programs)
        _, notes = restore_on_scratch(store, manifest, scratch, programs, RESTORED, lambda _figure: None)
        try:
            # The plan is made on the copy, so it finds them there; where production is away, what the backup knows.
            scratch.use_settings(RESTORED, production_session(settings).settings or kept(manifest.database_settings))
            plan, missed = _plan_on(scratch, RESTORED, settings, policy, base, manifest.identity)
            if missed:
                notes = (*notes, f"{count(missed, 'migration')} of {base} that the backup lacks ran before")
            tried = Tried(
                place=f"the restored {manifest.id}",
                worth=(
                    f"On {manifest.id}, restored: rows of {settings.target} as of {moment(manifest.taken_at)}, "
                    f"PostgreSQL {proof.server_version}. A copy is warm and idle: production may take longer."
                ),
                notes=notes,
            )
            say(f"rehearsing on {tried.place}")
            return _rehearsed(scratch, RESTORED, plan, programs, tried)
        finally:
            scratch.drop_database(RESTORED)


def _on_empty(
    settings: Settings, policy: Policy, base: str, notes: tuple[str, ...], *, major: int | None, say: Say
) -> Tried:
    with scratch_for_drafts(settings, major) as (scratch, programs):
        say(f"replaying the migrations of {base} on a scratch server")
        before = folder_at(tool_of(settings), settings.migrations, base) or _nothing(settings)
        try:
            database = replay(scratch, before, *ledger_place(settings), production_session(settings))
        except Refused as error:
            raise Refused(f"{base} itself, {error.message}", hint=error.hint) from None
        try:
            with postgres.connect(scratch.database_url(database), purpose="look", read_only=True) as connection:
                identity = postgres.identity(connection)
            plan, _ = _plan_on(scratch, database, settings, policy, base, identity)
            tried = Tried(
                place="an empty copy",
                empty=True,
                worth=(
                    f"On an empty copy, made by the migrations of {base} with PostgreSQL {identity.server_version}: "
                    "durations, sizes and rows say nothing about production."
                ),
                notes=notes,
            )
            say(f"rehearsing on {tried.place}")
            return _rehearsed(scratch, database, plan, programs, tried)
        finally:
            scratch.drop_database(database)


def _plan_on(
    scratch: ScratchServer, database: str, settings: Settings, policy: Policy, base: str, identity: Identity
) -> tuple[Plan, int]:
    """What is pending there once it is where the base is, and how many migrations of the base were missing.

    Raises:
        _Misfit: its ledger holds what this branch does not know, or all of it already.
    """
    with postgres.connect(
        scratch.database_url(database), purpose="rehearse", statement_timeout_ms=PATIENCE_MS
    ) as connection:
        using = tool_of(settings)
        before = folder_at(using, settings.migrations, base) or _nothing(settings)
        ledger = survey(settings, connection).ledger
        _, missing, problems = using.states(before, ledger, time.time_ns() // 1_000_000)
        if problems:
            raise _Misfit(f"its ledger and {base} disagree: {problems[0].cause}", hint=problems[0].remedy)
        if missing:
            try:
                run_plan(connection, plan_over(connection, before, missing, (ledger.schema_name, ledger.table)))
            except StatementFailed as failure:
                raise _Misfit(f"{base} itself fails on it, at {told(failure)}", hint=failure.hint) from None
        plan = make_plan(settings, policy, connection=connection, identity=identity, tools={})
    if plan.problems:
        raise _Misfit(f"its ledger and this branch disagree: {plan.problems[0].cause}", hint=plan.problems[0].remedy)
    if not plan.pending:
        raise _Misfit("it holds these migrations already")
    return plan, len(missing)


def _rehearsed(scratch: ScratchServer, database: str, plan: Plan, programs: Programs, tried: Tried) -> Tried:
    try:
        found = rehearse(scratch=scratch, database=database, plan=plan, programs=programs)
    except GateError as error:
        return _failed(error, tried)
    return tried.model_copy(update={"rehearsal": found})


def _failed(error: GateError, tried: Tried) -> Tried:
    line, tag = error.nouns.get("line"), error.nouns.get("tag")
    return tried.model_copy(
        update={
            "failure": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
            "tag": tag if isinstance(tag, str) and tried.place else None,
            "line": line if isinstance(line, int) else None,
        }
    )


def _nothing(settings: Settings) -> Folder:
    """The folder of a base that had no migrations yet."""
    return tool_of(settings).read_folder(settings.migrations).model_copy(update={"migrations": ()})
