"""What a reconciler does about an open release: a waiting one is never disturbed, and no timer judges alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.reconcile import Deed, Run, Seen, judge
from tasks.gate.story import fold
from tests.unit.story_events import START, events

ASKED = ("opened", "planned", "checked", "backed_up", "proved", "rehearsed", "asked")
APPLYING = (*ASKED, "approved", "applying")
LONG = 600.0


def _judged(kinds, run, *, quiet=LONG, acting=False):
    return judge(Seen(fold(events(*kinds), START), run, quiet, lambda: acting))


@given(st.sampled_from(Run), st.floats(0, 1e6), st.sampled_from([True, False, None]))
def test_a_release_that_waits_for_a_decision_is_never_disturbed(run, quiet, acting):
    assert _judged(ASKED, run, quiet=quiet, acting=acting).deed is Deed.NOTHING


@given(
    st.sampled_from([ASKED[:3], (*ASKED, "approved"), APPLYING]), st.sampled_from(Run), st.sampled_from([True, None])
)
def test_no_release_is_taken_from_a_process_that_acts_or_may_act(kinds, run, acting):
    assert _judged(kinds, run, acting=acting).deed is not Deed.TAKE_UP


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_decision_that_nobody_delivered_wakes_the_run(decision):
    assert _judged((*ASKED, decision), Run.WAITS).deed is Deed.WAKE
    assert _judged((*ASKED, decision), Run.WAITS, quiet=1).deed is Deed.NOTHING


def test_a_decision_whose_run_is_gone_is_taken_up_by_another_one():
    for run in (Run.ENDED, Run.NONE):
        assert _judged((*ASKED, "approved"), run).deed is Deed.TAKE_UP


def test_an_approved_release_that_waits_for_its_window_is_woken_when_it_opens_and_is_no_zombie_before():
    story = fold(events(*ASKED, "approved", "holding", holding={"sentence": "x", "until": "2026-11-23T12:30"}), START)
    assert story.holds_until == "2026-11-23T12:30"

    def deed(run, *, due=False, quiet=LONG):
        return judge(Seen(story, run, quiet, lambda: False, due)).deed

    assert {deed(run) for run in (Run.WAITS, Run.RUNS, Run.NONE, Run.COMES, Run.UNKNOWN)} == {Deed.NOTHING}
    assert deed(Run.WAITS, due=True) is Deed.WAKE
    assert (deed(Run.ENDED), deed(Run.ENDED, quiet=1)) == (Deed.TAKE_UP, Deed.NOTHING)
    assert deed(Run.CANCELLED) is Deed.NAME


def test_a_run_that_somebody_cancelled_is_not_started_again_behind_their_back():
    found = _judged((*ASKED, "approved"), Run.CANCELLED)
    assert found.deed is Deed.NAME
    assert "was cancelled: gate resume" in found.sentence


def test_a_zombie_is_named_with_what_it_was_doing_and_the_command_to_type():
    found = _judged(APPLYING, Run.RUNS)
    assert found.deed is Deed.NAME
    assert found.sentence.startswith("nobody carries it: applying, no event for 10 min, no lock on production, though")
    assert found.sentence.endswith("gate resume 20261123-120000-shop-abc123 finds out what was done and goes on")


def test_a_long_step_of_a_living_process_is_left_alone():
    assert _judged(APPLYING, Run.RUNS, acting=True).deed is Deed.NOTHING
    assert _judged(APPLYING, Run.RUNS, acting=None).deed is Deed.NOTHING


def test_prefect_that_does_not_answer_starts_nothing():
    assert _judged((*ASKED, "approved"), Run.UNKNOWN).deed is Deed.NOTHING
