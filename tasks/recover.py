"""Step 10: bring production back by the first rung that holds, show that it is back, and say what could not be kept."""

import psycopg

from tasks.clients.programs import Programs, find
from tasks.finish_swap import finish_swap
from tasks.free_space import free_bytes
from tasks.gate.errors import GateError, NotRecovered
from tasks.gate.partly import segments_in, touched, way_back_from
from tasks.gate.plan import Plan
from tasks.gate.production import ProductionState, Settled, Standing
from tasks.gate.recovery import Choice, Circumstances, Recovery, Rung, choose_rung
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.undo import changed
from tasks.gate.wording import count
from tasks.interruption import interrupt_on_sigterm
from tasks.kill_points import reached
from tasks.leftovers import remove_leftovers
from tasks.probe_production import Patience, settle_production
from tasks.release import Release
from tasks.restore_backup import after_swap, restore_and_swap
from tasks.restore_beside import recorded_backup
from tasks.roll_back import RollbackFailed
from tasks.roll_back_production import roll_back_production
from tasks.schema_before import changes_since_before

SHOWN = 6  # lines of a difference in a message


def recover(
    release: Release,
    plan: Plan,
    rehearsal: Rehearsal,
    failure: GateError,
    *,
    programs: Programs | None = None,
    patience: Patience | None = None,
) -> Recovery:
    """Bring production back after a failed apply or verification.

    Safe to run twice: a recovery that the record holds is returned, and one that was cut off goes on from what the
    record and production show. No rung is tried twice for the same failure, so it never loops.

    Args:
        release: whose record holds the backup, and hears of each rung.
        plan: what was, or was to be, applied.
        rehearsal: says whether the rollback SQL holds.
        failure: what went wrong first; every error raised here names it as its cause.
        programs: pg_restore; found on the machine when None.
        patience: how long to look for an unknown outcome.

    Raises:
        NotRecovered: production is not back; the sentence says how it is and the hint what to do.
    """
    if (recorded := release.record.last("recovered")) is not None:
        return Recovery.model_validate(recorded.body)
    try:
        with interrupt_on_sigterm():
            swapped = finish_swap(release)
            if swapped is not None:
                return _record(release, after_swap(release, swapped, plan, rehearsal))
            state, settled = settle_production(release, plan, transaction=failure.transaction, patience=patience)
            if state.progress is not None and not state.progress.clean:
                remove_leftovers(release, plan, rehearsal)
                state, settled = settle_production(release, plan, transaction=failure.transaction, patience=patience)
            now = _circumstances(release, plan, rehearsal, state, settled)
            return _climb(release, plan, rehearsal, now, programs, patience)
    except NotRecovered as error:
        raise error from failure
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise NotRecovered(
            f"the server broke off the recovery: {said}", hint=f"when it answers, `gate resume {release.id}`"
        ) from failure
    except GateError as error:
        hint = error.hint or f"look at production, then `gate resume {release.id}`"
        raise NotRecovered(error.message, hint=hint) from failure


def _circumstances(
    release: Release, plan: Plan, rehearsal: Rehearsal, state: ProductionState, settled: Settled
) -> Circumstances:
    earlier = release.record.last("recovering")
    given_up = earlier is not None and earlier.body.get("rung") == Rung.RESTORE
    into = segments_in(plan, state, settled)
    way_back = way_back_from(rehearsal, plan, into)
    clean = state.progress is None or state.progress.clean
    return Circumstances(
        standing=settled.standing,
        seen=settled.sentence,
        rollback_holds=way_back.holds and clean,
        rollback_sentence=way_back.sentence if clean else settled.sentence,
        in_segments=bool(plan.segments),
        segments_in=into,
        allow_rollback=release.policy.recovery.allow_rollback,
        rollback_failed="given up before this process took over" if given_up else "",
        backup_proved=release.record.last("proved") is not None,
        allow_restore=release.policy.recovery.allow_restore,
        logical_slots=state.logical_slots,
        subscriptions=state.subscriptions,
        bytes=state.bytes,
        free_bytes=free_bytes(release),
    )


def _climb(
    release: Release,
    plan: Plan,
    rehearsal: Rehearsal,
    now: Circumstances,
    programs: Programs | None,
    patience: Patience | None,
) -> Recovery:
    """Try the rungs in their order; one that failed is not chosen again."""
    while True:
        choice = choose_rung(now)
        if choice.rung is Rung.HALT:
            raise NotRecovered(choice.sentence, hint=_what_to_do(release, now))
        already = release.record.last("recovering")
        if choice.rung is not Rung.TRANSACTION or already is None:
            release.record.append("recovering", choice)
        release.say(f"recovering: {choice.sentence}")
        reached(f"recover:{choice.rung}")
        try:
            recovery = _by(choice, release, plan, rehearsal, now, programs, patience)
        except GateError as failure:
            of_the_rung = isinstance(failure, RollbackFailed) or choice.rung is Rung.RESTORE
            if not of_the_rung or isinstance(failure, NotRecovered):
                raise
            now = _look_again(release, plan, rehearsal, now, failure, patience)
        else:
            return _record(release, recovery)


def _by(
    choice: Choice,
    release: Release,
    plan: Plan,
    rehearsal: Rehearsal,
    now: Circumstances,
    programs: Programs | None,
    patience: Patience | None,
) -> Recovery:
    if choice.rung is Rung.TRANSACTION:
        return _as_before(release, plan, already_rolled_back=_was_rolling_back(release))
    if choice.rung is Rung.ROLLBACK:
        return _rolled_back(release, plan, rehearsal, now.segments_in, patience)
    return _restored(release, plan, rehearsal, choice, programs)


def _look_again(
    release: Release,
    plan: Plan,
    rehearsal: Rehearsal,
    before: Circumstances,
    failure: GateError,
    patience: Patience | None,
) -> Circumstances:
    """After a rung that failed, production itself says where it stands before a larger one is chosen."""
    try:
        state, settled = settle_production(release, plan, patience=patience)
    except NotRecovered as away:
        raise NotRecovered(f"{failure.message}; then {away.message}", hint=away.hint, unknown=True) from failure
    now = _circumstances(release, plan, rehearsal, state, settled)
    what = "rollback_failed" if isinstance(failure, RollbackFailed) else "restore_failed"
    tried = {"rollback_failed": before.rollback_failed, "restore_failed": before.restore_failed}
    return now.model_copy(update={**tried, what: failure.message})


def _was_rolling_back(release: Release) -> bool:
    event = release.record.last("recovering")
    return event is not None and event.body.get("rung") == Rung.ROLLBACK


def _as_before(release: Release, plan: Plan, *, already_rolled_back: bool) -> Recovery:
    _refuse_other_schema(release, plan)
    if already_rolled_back:
        said = _rolled_back_sentence(plan, "")
        if plan.segments:  # how many were in is not known any more
            said = "production is as before: what was in of the plan is taken back with the rehearsed rollback SQL"
        return Recovery(rung=Rung.ROLLBACK, sentence=said)
    return Recovery(
        rung=Rung.TRANSACTION,
        sentence="production is as before: the transaction was rolled back, nothing was committed",
    )


def _rolled_back(
    release: Release, plan: Plan, rehearsal: Rehearsal, segments: int, patience: Patience | None
) -> Recovery:
    backup = recorded_backup(release)
    gone = roll_back_production(release, plan, rehearsal, backup, segments_in=segments, patience=patience)
    _, settled = settle_production(release, plan, patience=patience)
    if settled.standing is not Standing.UNTOUCHED:
        raise NotRecovered(f"the rollback SQL ran, but {settled.sentence}")
    _refuse_other_schema(release, plan)
    taken = touched(plan, segments).plan if plan.segments else plan
    return Recovery(rung=Rung.ROLLBACK, sentence=_rolled_back_sentence(taken, gone))


def _rolled_back_sentence(plan: Plan, gone: str) -> str:
    taken_back = f"{count(len(plan.pending), 'migration')} taken back with the rehearsed rollback SQL"
    return f"production is as before: {taken_back}" + (f"; with it went {gone}" if gone else "")


def _refuse_other_schema(release: Release, plan: Plan) -> None:
    """Nobody may be told "as before" when the schema is not."""
    if not (lines := changes_since_before(release, plan) or ()):
        return
    raise NotRecovered(
        "the ledger is as before, but the schema is not (- before the release, + now):\n"
        + "\n".join(changed(lines)[:SHOWN]),
        hint=f"if that is not somebody else's change, `gate restore {_backup(release)}` brings the backup back",
        difference=list(lines),
    )


def _restored(
    release: Release, plan: Plan, rehearsal: Rehearsal, choice: Choice, programs: Programs | None
) -> Recovery:
    programs = programs or find(plan.identity.major, release.settings.pg_bin, server=False)
    release.progress(choice.sentence)
    return restore_and_swap(release, recorded_backup(release), programs, plan=plan, rehearsal=rehearsal)


def _record(release: Release, recovery: Recovery) -> Recovery:
    reached("recover:done")
    try:
        release.record.append("recovered", recovery)
    except GateError as error:
        raise NotRecovered(
            f"{recovery.sentence}; but that could not be written down: {error.message}",
            hint=f"`gate resume {release.id}` writes it down",
        ) from error
    return recovery


def _what_to_do(release: Release, now: Circumstances) -> str:
    if now.standing is Standing.UNKNOWN:
        return f"find out what production shows, then `gate resume {release.id}`"
    if now.standing is Standing.PARTLY:
        return f"{now.seen}: finish or undo it by hand, or `gate restore {_backup(release)}`"
    return f"production runs with the migrations applied; fix forward, or `gate restore {_backup(release)}` by hand"


def _backup(release: Release) -> str:
    event = release.record.last("proved")
    return str(event.body["backup"]) if event else "BACKUP"
