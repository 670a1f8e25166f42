"""How a release that runs elsewhere ended: the record decides, and only a release that nobody can bring back pages."""

import pytest

from tasks.gate.following import QUIET_SECONDS, RunState, Seen, judge_end
from tasks.gate.story import Story


def state(kind: str, message: str = "") -> RunState:
    return RunState(type=kind, name=kind.capitalize(), message=message)


def story(where: str, **more: object) -> Story:
    return Story.model_validate({"id": "r1", "state": where, "sentence": f"it is {where}", **more})


def code(run: RunState | None, told: Story | None, *, quiet: float = QUIET_SECONDS, **more: bool) -> int | None:
    seen = Seen.model_validate(
        {"run": run, "story": told, "quiet_seconds": quiet, "readable": True, "touched": False, **more}
    )
    outcome = judge_end(seen)
    return None if outcome is None else outcome.exit_code


CLOSED = story("released", outcome="released", exit_code=0, ended_at="2026-11-25T10:00:00Z")


@pytest.mark.parametrize("run", [None, state("RUNNING"), state("CRASHED"), state("FAILED", "busy: somebody else")])
def test_a_closed_record_decides_whatever_prefect_says(run: RunState | None):
    assert code(run, CLOSED, quiet=0) == 0


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (state("COMPLETED", "released: 1 migration is in production"), 0),
        (state("FAILED", "refused: the checklist said no"), 3),
        (state("FAILED", "rejected: not today"), 4),
        (state("FAILED", "expired: nobody decided"), 4),
        (state("FAILED", "recovered: as before"), 5),
        (state("FAILED", "not-recovered: call somebody"), 6),
        (state("FAILED", "busy: release r0 holds target shop"), 7),
        (state("CRASHED", "Flow run process exited with status code: -9"), 6),
        (state("CANCELLED", ""), 6),
        (state("RUNNING", ""), None),
        (state("PAUSED", ""), None),
        (None, None),
    ],
)
def test_without_the_record_the_runs_last_sentence_is_the_outcome_and_silence_is_never_success(
    run: RunState | None, expected: int | None
):
    assert code(run, None, readable=False) == expected


def test_a_run_that_died_before_it_opened_a_release_was_interrupted():
    assert code(state("CRASHED"), None) == 130


@pytest.mark.parametrize("run", [state("CRASHED"), state("CANCELLED", "Runner is shutting down.")])
@pytest.mark.parametrize("where", ["waiting for approval", "approved"])
def test_a_release_that_waits_goes_on_waiting_when_its_process_is_gone(run: RunState, where: str):
    assert code(run, story(where)) is None


def test_a_cancelled_run_whose_release_nobody_takes_up_was_interrupted():
    assert code(state("CANCELLED"), story("waiting for approval"), quiet=1) is None
    assert code(state("CANCELLED"), story("waiting for approval")) == 130
    assert code(state("CRASHED"), story("backing up")) == 130


def test_a_crash_while_production_was_acted_upon_pages_unless_somebody_takes_it_up():
    assert code(state("CRASHED"), story("applying"), quiet=1, touched=True) is None
    assert code(state("CRASHED"), story("applying"), touched=True) == 6
    assert code(state("FAILED", "busy: fenced"), story("applying"), quiet=1, touched=True) is None


def test_a_halted_release_pages_and_an_expired_one_does_not():
    assert code(state("FAILED"), story("halted"), touched=True) == 6
    assert code(state("CRASHED"), story("expired")) == 4


def test_a_no_that_nobody_closed_is_a_no():
    assert code(state("CRASHED"), story("rejected")) == 4
    assert code(state("PAUSED"), story("rejected"), quiet=1) is None


def test_a_suspended_run_does_not_hide_that_its_approval_expired():
    assert code(state("PAUSED"), story("expired")) == 4
    assert code(None, story("expired")) == 4
    assert code(state("PAUSED"), story("waiting for approval")) is None
