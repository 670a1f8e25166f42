"""What is measured of a target, and how Prometheus reads it."""

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from tasks.gate.drill import Drill
from tasks.gate.measures import measure
from tasks.gate.story import fold
from tasks.measured import exposition
from tests.unit.story_events import START, events

DRILL = Drill(target="shop", at=START.isoformat(), held=False, sentence="it does not restore")
WALK = ("opened", "planned", "checked", "backed_up", "proved", "rehearsed")


def _samples(current=None, told=(), drill=None, outcomes=None):
    found = measure("shop", outcomes=outcomes or {}, told=told, current=current, proved=None, drill=drill)
    families = text_string_to_metric_families(exposition(found).decode())
    return {(s.name, *sorted(s.labels.values())): s.value for f in families for s in f.samples}


def test_ended_releases_are_counted_by_outcome_and_a_missing_outcome_is_zero_not_absent():
    samples = _samples(outcomes={"released": 3, "recovered": 1})
    assert samples["gate_releases_total", "released", "shop"] == 3
    assert samples["gate_releases_total", "recovered", "shop"] == 1
    assert samples["gate_releases_total", "not-recovered", "shop"] == 0


def test_a_release_that_waits_shows_until_when_and_since_when():
    told = fold(events(*WALK, "asked"), START)
    samples = _samples(current=told)
    assert (samples["gate_releases_waiting", "shop"], samples["gate_releases_halted", "shop"]) == (1, 0)
    assert samples["gate_approval_expires_timestamp_seconds", "shop"] == (START + timedelta(hours=4)).timestamp()
    last = samples["gate_release_last_event_timestamp_seconds", "shop", "waiting for approval"]
    assert last == (START + timedelta(seconds=7)).timestamp()


def test_a_halted_release_is_seen():
    samples = _samples(current=fold(events(*WALK, "asked", "approved", "applying", "failed", "not_recovered"), START))
    assert samples["gate_releases_halted", "shop"] == 1


def test_without_backup_or_drill_nothing_is_said_of_them_rather_than_zero():
    samples = _samples()
    assert not [name for name, *_ in samples if name.startswith(("gate_backup", "gate_drill"))]


def test_a_drill_that_did_not_hold_is_zero_with_its_time():
    samples = _samples(drill=DRILL)
    assert samples["gate_drill_held", "shop"] == 0
    assert samples["gate_drill_timestamp_seconds", "shop"] == START.timestamp()


def test_steps_are_summed_over_releases():
    told = fold(events(*WALK), START)
    samples = _samples(told=[told, told])
    assert samples["gate_step_seconds_count", "Rehearse", "shop"] == 2
    assert samples["gate_step_seconds_sum", "Rehearse", "shop"] == 2
