"""Any prefix of any release, with whatever its events hold, can be told."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.gate.story import ENDS, LEADS_TO, fold
from tasks.gate.story_sentences import said
from tests.unit.story_events import ID, START, events

STATES = {*LEADS_TO.values(), *ENDS.values(), "interrupted"}
FOLLOWS = {  # what may come after what, notes and claims aside
    "": ("opened",),
    "opened": ("planned", "refused"),
    "planned": ("checked", "refused", "closed"),
    "checked": ("backed_up", "refused"),
    "backed_up": ("proved", "refused"),
    "proved": ("rehearsed", "refused"),
    "rehearsed": ("asked", "refused"),
    "asked": ("approved", "rejected", "expired", "voided", "refused"),
    "approved": ("applying", "voided", "expired", "refused"),
    "rejected": ("refused",),
    "expired": ("refused",),
    "voided": ("refused",),
    "refused": ("closed",),
    "applying": ("applied", "failed"),
    "applied": ("verified", "failed"),
    "verified": ("closed", "failed"),
    "failed": ("recovering", "recovered", "not_recovered"),
    "recovering": ("restored_beside", "recovered", "not_recovered"),
    "restored_beside": ("swapping", "not_recovered"),
    "swapping": ("swapped", "not_recovered"),
    "swapped": ("recovered", "not_recovered"),
    "recovered": ("closed",),
    "not_recovered": ("recovering", "recovered"),
    "closed": (),
}


@st.composite
def records(draw: st.DrawFn) -> list[str]:
    kinds: list[str] = []
    kind = ""
    while FOLLOWS[kind] and len(kinds) < 40:
        kind = draw(st.sampled_from(FOLLOWS[kind]))
        kinds.append(kind)
        kinds += draw(st.lists(st.sampled_from(("noted", "claimed")), max_size=2))
    return kinds


words = st.text(alphabet="ab \n\0é", max_size=8)  # the whole of Unicode would take seconds to be ready
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ("sentence", "by", "who", "plan", "pending", "findings", "bytes", "expires_at", "outcome", "seconds", "rollback")
)


@settings(deadline=None)
@given(kinds=records(), hours=st.integers(-1, 48))
def test_any_prefix_of_a_release_has_one_sentence_and_unless_closed_a_command(kinds: list[str], hours: int) -> None:
    whole = events(*kinds)
    for length in range(len(whole) + 1):
        story = fold(whole[:length], START + timedelta(hours=hours), release=ID)
        assert story.state in STATES
        assert story.sentence
        assert "\n" not in story.sentence
        assert story.next or story.ended_at
        assert all(step.sentence and step.seconds >= 0 for step in story.steps)


@settings(deadline=None)
@given(kinds=records(), body=st.dictionaries(names, json_values, max_size=6))
def test_no_body_however_odd_keeps_a_story_from_being_told(kinds: list[str], body: dict[str, Any]) -> None:
    story = fold(events(*kinds, **dict.fromkeys(kinds, body)), START, release=ID)
    assert story.sentence
    assert "\n" not in story.sentence


@settings(deadline=None)
@given(kind=st.sampled_from([*LEADS_TO, "claimed", "noted", "closed", "unheard_of"]), body=st.just({}))
def test_an_empty_event_still_says_something(kind: str, body: dict[str, Any]) -> None:
    assert said(kind, body)
