"""The record says which message stands for a plan, whatever was begun, lost or voided before it."""

from datetime import timedelta
from typing import Any

from tasks.gate.slack_binding import STALE, bindings, current, paged
from tests.unit.sample_evidence import START
from tests.unit.sample_releases import chain, opened


def note(step: str, binding_id: str = "a", **more: Any) -> tuple[str, float, dict[str, Any]]:
    return "slack", 1.0, {"step": step, "id": binding_id, "sentence": step, **more}


def posting(binding_id: str = "a", digest: str = "d1") -> tuple[str, float, dict[str, Any]]:
    return note("posting", binding_id, digest=digest, channel="C1")


def posted(binding_id: str = "a", ts: str = "1.1") -> tuple[str, float, dict[str, Any]]:
    return note("posted", binding_id, ts=ts, team="T1", app="A1")


def test_a_message_is_bound_once_slack_has_named_it():
    (bound,) = bindings(chain(opened(), posting(), posted()))
    assert (bound.id, bound.digest, bound.channel, bound.ts, bound.team, bound.app) == (
        "a", "d1", "C1", "1.1", "T1", "A1",
    )  # fmt: skip


def test_the_first_name_stays_and_nothing_voids_what_was_posted():
    (bound,) = bindings(chain(opened(), posting(), posted(), posted(ts="9.9"), note("voided")))
    assert (bound.ts, bound.voided) == ("1.1", False)


def test_what_was_voided_is_never_posted():
    (bound,) = bindings(chain(opened(), posting(), note("voided"), posted()))
    assert bound.voided
    assert current(bindings(chain(opened(), posting(), note("voided"), posted())), "d1") is None


def test_a_name_without_an_intent_binds_nothing():
    assert bindings(chain(opened(), posted(), note("filed"))) == ()


def test_a_plan_has_its_own_message():
    found = bindings(chain(opened(), posting(), posted(), posting("b", "d2"), posted("b", "2.2")))
    first, second = current(found, "d1"), current(found, "d2")
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == ("a", "b")
    assert current(found, "d3") is None


def test_an_event_of_another_version_is_passed_over():
    assert bindings(chain(opened(), note("posting", wrong="field"), ("slack", 1.0, {"step": "danced"}))) == ()


def test_an_intent_is_given_up_later_each_time():
    (bound,) = bindings(chain(opened(), posting()))
    moment = bound.begun_at + STALE + timedelta(seconds=1)
    assert bound.lost(moment)
    assert not bound.lost(moment, given_up=1)
    assert bound.lost(bound.begun_at + STALE * 2 + timedelta(seconds=1), given_up=1)
    assert not bound.lost(START)


def test_the_same_reason_is_called_for_once():
    events = chain(opened(), ("slack", 1.0, {"step": "paged", "id": "", "sentence": "the disk is full"}))
    assert paged(events, "the disk is full")
    assert not paged(events, "the swap was cut off")
