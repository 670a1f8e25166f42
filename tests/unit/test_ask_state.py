"""How an ask stands, as every place that shows it says it, and the same in the report."""

from datetime import timedelta
from typing import Any

import pytest

from config.policy import Policy
from tasks.gate.ask_state import AskStanding, ask_state
from tasks.gate.hearing import hearing
from tasks.gate.story import fold
from tests.unit import sample_releases as sample
from tests.unit.sample_evidence import START, plan

MOMENT = START + timedelta(minutes=10)
TWO = {"approval": {"count": 2}}


def decided(kind: str = "approved", who: str = "jon", **more: Any) -> tuple[str, float, dict[str, Any]]:
    return sample.decision(kind, who=who, **more)


HELD = ("holding", 1.0, {"sentence": "waiting for the window until Mon", "until": "2026-11-30T08:00:00+00:00"})
APPLYING = ("applying", 1.0, {"attempt": 1})
VOID = ("voided", 1.0, {"reason": "0001_a changed"})
GLASS = {"break_glass": True, "comment": "checkout is down"}


@pytest.mark.parametrize(
    ("events", "policy", "standing", "sentence"),
    [
        ((), {}, AskStanding.WAITING, "nobody decided yet"),
        ((), TWO, AskStanding.WAITING, "nobody decided yet, and 2 people must approve"),
        ((decided(),), {}, AskStanding.APPROVED, "approved by jon (command-line)"),
        ((decided(),), TWO, AskStanding.WAITING, "1 more approval is missing"),
        ((decided(), decided("rejected", "eve")), TWO, AskStanding.REJECTED, "rejected by eve"),
        ((decided(), HELD), {}, AskStanding.HOLDING, "waiting for the window until Mon"),
        ((decided(), HELD, ("cleared", 1.0, {})), {}, AskStanding.APPROVED, "approved by jon"),
        ((decided(), HELD, APPLYING), {}, AskStanding.APPROVED, "approved by jon"),
        ((decided(), VOID), {}, AskStanding.VOID, "the request is void: 0001_a changed"),
        ((("expired", 1.0, {}),), {}, AskStanding.EXPIRED, "the request expired"),
        ((sample.closed("refused", "it ended", 3),), {}, AskStanding.CLOSED, "it ended"),
    ],
)
def test_the_state_is_read_from_the_record_alone(
    events: tuple[Any, ...], policy: dict[str, Any], standing: AskStanding, sentence: str
) -> None:
    rules = Policy.model_validate(policy)
    state = ask_state(hearing(sample.chain(*sample.until_asked(), *events)), rules, MOMENT)
    assert state.standing is standing
    assert sentence in state.sentence
    assert state.open is (standing is AskStanding.WAITING)
    assert state.digest == plan().digest


def test_a_release_that_has_not_asked_waits_for_nobody() -> None:
    assert ask_state(hearing(sample.chain(sample.opened())), Policy(), MOMENT).standing is AskStanding.NOT_ASKED


def test_a_broken_glass_is_said_in_capitals_in_the_state_the_story_and_every_form_of_the_report() -> None:
    events = sample.chain(*sample.until_asked(), decided(**GLASS), decided(who="kim", **GLASS), APPLYING)
    policy = Policy.model_validate({"approval": {"approvers": ["mira"], "break_glass": ["jon", "kim"]}})
    state = ask_state(hearing(events), policy, MOMENT)
    assert (state.standing, state.break_glass) == (AskStanding.APPROVED, True)
    assert [d.who for d in state.approved_by] == ["jon", "kim"]
    shown = sample.report(events)
    for text in (shown.text(), shown.markdown(), shown.html()):
        assert "BREAK-GLASS: approved in an emergency by jon and kim" in text
        assert "BREAK-GLASS: kim (command-line): checkout is down" in text
    approval = shown.document["approval"]
    assert (approval["approved"], approval["break_glass"]) == (True, True)
    assert [d["who"] for d in approval["decisions"]] == ["jon", "kim"]


def test_one_who_breaks_the_glass_of_a_release_that_waits_for_its_window_does_not_end_its_waiting() -> None:
    waits = (*sample.until_asked(), decided(), HELD, decided(**GLASS))
    story = fold(sample.chain(*waits), MOMENT)
    assert (story.state, story.sentence) == ("waiting for the window", "waiting for the window until Mon")
    assert fold(sample.chain(*waits, ("cleared", 1.0, {})), MOMENT).state == "approved"


def test_the_report_lists_every_answer_and_what_is_missing() -> None:
    asked = sample.until_asked()
    asked[-1] = ("asked", 0.1, {**asked[-1][2], "required": 2, "authors": ["email:ann@example.com"]})
    half = sample.report(sample.chain(*asked, decided())).text()
    assert "Approved by jon; 1 more approval still missing." in half
    assert "2 different people" in half
    full = sample.report(sample.chain(*asked, decided(), decided(who="kim"), APPLYING)).text()
    assert "Approved by jon and kim; the approval counts for this digest and nothing else." in full
    stopped = sample.report(sample.chain(*asked, decided(), decided("rejected", "kim"))).text()
    assert "Rejected by kim: nothing was released." in stopped
