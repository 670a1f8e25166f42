"""Steps 8 to 10: apply and verify, and when either fails, bring production back."""

from flows.checklist import Checklist
from flows.defect import unexpected
from tasks.apply_plan import apply_plan
from tasks.gate.errors import Busy, ConfigurationError, GateError, NotRecovered, Refused
from tasks.gate.manifest import Manifest
from tasks.gate.outcome import Outcome, from_error
from tasks.gate.plan import Plan
from tasks.gate.production import Standing
from tasks.gate.rehearsal import Rehearsal
from tasks.probe_production import settle_production
from tasks.release import Release
from tasks.steps import close, recheck
from tasks.steps.plan import touched_production
from tasks.verify_release import verify_release
from tasks.workshop import Workshop


def apply_and_verify(
    todo: Checklist, release: Release, workshop: Workshop, plan: Plan, rehearsal: Rehearsal, backup: Manifest
) -> GateError | None:
    """Apply and verify; returns the failure instead of raising it, because recovery is the next step, not an accident.

    A failure that the record already holds is returned at once: a recovery that was cut off goes on.

    Raises:
        GateError: production was not touched, so there is nothing to bring back.
    """
    if earlier := failure_so_far(release):
        return earlier
    try:
        if _cut_off_before_its_commit(release, plan):  # hours may have passed since the last look
            todo.step("Check again", lambda: recheck.recheck(release, workshop, plan, backup), recheck.sentence)
        todo.step("Apply", lambda: apply_plan(release, plan, rehearsal), lambda a: a.sentence)
        todo.step("Verify", lambda: verify_release(release, plan, rehearsal), lambda v: v.sentence)
    except NotRecovered:
        raise  # the outcome of COMMIT is unknown: nothing may be undone before it is settled, which a resume does
    except Exception as error:
        if not touched_production(release):
            raise  # refused before anything ran: that is not a failure which was recovered from
        failure = error if isinstance(error, GateError) else unexpected(error)
        if not _blames_production(error):
            _leave_what_is_committed(release, plan, failure)
    else:
        return None
    if release.record.last("failed") is None:
        release.record.append(
            "failed",
            {
                "sentence": failure.message,
                "hint": failure.hint,
                "kind": type(failure).__name__,
                "transaction": failure.transaction or "",
            },
        )
    return failure


def _blames_production(error: Exception) -> bool:
    """False where nobody could look or write it down, or Gate itself erred: that says nothing of the migrations."""
    return isinstance(error, GateError) and not isinstance(error, ConfigurationError | Refused)


def _leave_what_is_committed(release: Release, plan: Plan, failure: GateError) -> None:
    """A store that is away, or a question that could not be put, is no reason to undo what is committed and in use.

    Raises:
        NotRecovered: something of the plan is in production, or nobody can tell.
    """
    _, settled = settle_production(release, plan, transaction=failure.transaction)
    if settled.standing is Standing.UNTOUCHED:
        return
    raise NotRecovered(
        f"{failure.message}; {settled.sentence}, and was left so",
        hint=f"once that is mended: `gate resume {release.id}`, which verifies, and undoes only what is wrong",
    ) from None


def _cut_off_before_its_commit(release: Release, plan: Plan) -> bool:
    """True when an attempt was begun by a process that is gone, and production shows nothing of it."""
    if release.record.last("applying") is None or release.record.last("applied") is not None:
        return False
    _, settled = settle_production(release, plan)
    return settled.standing is Standing.UNTOUCHED


def failure_so_far(release: Release) -> GateError | None:
    """The failure that the record holds."""
    event = release.record.last("failed")
    if event is None:
        return None
    body = event.body
    return GateError(str(body["sentence"]), hint=str(body["hint"]), transaction=str(body["transaction"]))


def way_back(
    todo: Checklist, release: Release, workshop: Workshop, plan: Plan, rehearsal: Rehearsal, failure: GateError
) -> Outcome:
    """Bring production back and close; when that fails the release stays halted, and says what to do."""
    from tasks.recover import recover

    try:
        recovery = todo.step(
            "Recover",
            lambda: recover(release, plan, rehearsal, failure, programs=workshop.programs),
            lambda r: r.sentence,
        )
    except GateError as error:
        return halt(release, failure, error)
    except Exception as error:  # noqa: BLE001
        return halt(release, failure, unexpected(error))
    sentence = f"failed: {failure.message}; {recovery.sentence}"
    return close.close(release, Outcome(outcome="recovered", sentence=sentence, exit_code=5))


def halt(release: Release, failure: GateError, because: GateError) -> Outcome:
    """Leave the release open and halted: nobody else may act on the target until a person has looked."""
    error = because if isinstance(because, NotRecovered) else NotRecovered(because.message, hint=because.hint)
    both = f"failed: {failure.message}; and not brought back: {error.message}"
    outcome = from_error(error).model_copy(update={"sentence": error.message if because is failure else both})
    hint = error.hint or f"look at production, then `gate resume {release.id}`"
    try:
        release.record.append("not_recovered", {"sentence": outcome.sentence, "next": hint})
    except Busy:
        raise
    except GateError as unwritten:  # a store that is away must not turn this end into a harmless exit code
        outcome = outcome.model_copy(update={"sentence": f"{outcome.sentence}; not recorded: {unwritten.message}"})
    release.say(f"HINT: {hint}")
    return outcome
