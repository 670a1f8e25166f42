"""The Prefect UI beside the other doors: what is resumed there without a decision changes nothing, and says so.

`make doors` runs it: whole releases through a real Prefect server.
"""

import time
from datetime import UTC, datetime, timedelta

import pytest

from config.settings import load
from tasks.clients.stores import open_store
from tasks.decide import decide
from tasks.record import Record
from tasks.steps.open import operator
from tests.acceptance.prefect_runs import ask, served, start, state, until, watched
from tests.acceptance.project import Project

__all__ = ["served", "watched"]  # fixtures
pytestmark = pytest.mark.long("DOORS", "make doors")
SECONDS_TO_AGREE = 5.0


def test_a_resume_without_a_decision_and_a_stale_form_release_nothing_and_the_doors_agree(served: Project):
    me = operator()
    served.policy += f'[approval]\napprovers = ["{me}", "bob"]\ncount = 2\n'
    served.environment()
    run = start(served)
    _suspended(served, run)
    release = served.waiting_release()
    _resume(served, run, "approve", "bob")
    _noted(served, release, "a resume in the Prefect UI released nothing: gate.toml does not count approvals from")
    _suspended(served, run)
    assert served.gate("approve", release).code == 0  # one of two: nobody is woken
    assert state(served, run)["name"] == "Suspended"
    assert "1 more approval is missing" in served.gate("status").out
    settings, policy = load(served.environment(GATE_POLICY_FILE=str(served.home / "gate.toml")))
    second = decide(settings, policy, release, door="terminal", identity="bob", approved=True)  # and wakes nobody
    assert (second.ruling.missing, second.prefect) == (0, {"api": served.extra["PREFECT_API_URL"], "flow_run": run})
    _resume(served, run, "reject", "eve")  # the form still stands there
    decided = time.monotonic()
    until(lambda: state(served, run)["name"] != "Suspended", "the run goes on", SECONDS_TO_AGREE)
    assert time.monotonic() - decided < SECONDS_TO_AGREE
    until(lambda: state(served, run)["type"] == "COMPLETED", "the run has ended", 120)
    _noted(served, release, f"release {release} was decided already: approved by {me} (command-line)")
    assert "note" in served.columns()


def test_an_approved_run_is_suspended_until_its_window_and_a_person_can_stop_it_there_and_not_hurry_it(served: Project):
    end = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    served.policy += f'[[freeze]]\nstart = 2020-01-01\nend = {end:%Y-%m-%dT%H:%M:%S}\nreason = "stocktaking"\n'
    served.environment()
    run = start(served)
    _suspended(served, run)
    release = served.waiting_release()
    assert served.gate("approve", release).code == 0
    assert served.waiting_release(90, state="waiting for the window") == release
    _suspended(served, run)
    _resume(served, run, "approve", "eve")
    _noted(served, release, "a resume in the Prefect UI released nothing: waiting for the window until")
    _suspended(served, run)
    assert "note" not in served.columns()
    assert served.gate("reject", release, "--reason", "the fix was wrong").code == 0
    until(lambda: state(served, run)["type"] == "FAILED", "the run was stopped", 90)
    assert "the fix was wrong" in state(served, run)["message"]
    assert "note" not in served.columns()


@pytest.mark.timeout(900)
def test_an_approved_run_that_is_suspended_is_woken_when_its_window_opens_and_ships(served: Project):
    end = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
    served.policy += f'[[freeze]]\nstart = 2020-01-01\nend = {end:%Y-%m-%dT%H:%M:%S}\nreason = "stocktaking"\n'
    served.environment()
    run = start(served)
    _suspended(served, run)
    assert served.gate("approve", served.waiting_release()).code == 0
    served.waiting_release(90, state="waiting for the window")
    _suspended(served, run)
    assert "note" not in served.columns()
    until(lambda: state(served, run)["type"] == "COMPLETED", "the run was woken and has ended", 600)
    assert datetime.now(UTC) >= end
    assert "note" in served.columns()


def _suspended(project: Project, run: str) -> None:
    until(lambda: state(project, run)["name"] == "Suspended", "the run is suspended", 120)


def _resume(project: Project, run: str, decision: str, who: str) -> None:
    answer = {"decision": decision, "your_name": who, "comment": ""}
    assert ask(project, "POST", f"/flow_runs/{run}/resume", {"run_input": answer})["status"] == "ACCEPT"


def _noted(project: Project, release: str, sentence: str) -> None:
    def there() -> bool:
        events = Record.open(open_store(project.store), project.extra["GATE_TARGET"], release).events
        return any(e.kind == "noted" and sentence in str(e.body.get("sentence")) for e in events)

    until(there, f"the record says: {sentence}", 90)
