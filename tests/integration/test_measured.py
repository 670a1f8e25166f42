"""Figures read from a real store: what ended is read once, and what changed since is seen."""

from datetime import UTC, datetime

from tasks.clients.object_store import ObjectStore
from tasks.drills import keep
from tasks.gate.drill import Drill
from tasks.measured import Watched
from tasks.record import Record, new_owner
from tasks.target_log import TargetLog
from tests.unit.story_events import BODIES

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


def test_a_watched_target_sees_each_release_as_it_opens_and_ends(directory_store: ObjectStore):
    watched = Watched(directory_store, "shop")
    assert _value(watched, "gate_releases_open") == 0
    _open(directory_store, "one")
    assert _value(watched, "gate_releases_open") == 1
    TargetLog(directory_store, "shop").close("one", "refused", "staging drifted")
    assert _value(watched, "gate_releases_open") == 0
    assert _value(watched, "gate_releases", outcome="refused") == 1
    assert _value(Watched(directory_store, "shop"), "gate_releases", outcome="refused") == 1


def test_the_last_drill_is_the_one_that_counts(directory_store: ObjectStore):
    for day, held in ((21, True), (22, False)):
        at = datetime(2026, 11, day, tzinfo=UTC).isoformat()
        keep(directory_store, Drill(target="shop", at=at, held=held, sentence="it was tried"))
    assert _value(Watched(directory_store, "shop"), "gate_drill_held") == 0


def _open(store: ObjectStore, release: str) -> None:
    TargetLog(store, "shop").open_release(release)
    Record(store, "shop", release, owner=new_owner()).append("opened", {**BODIES["opened"], "release": release})


def _value(watched: Watched, name: str, **labels: str) -> float:
    metric = next(m for m in watched.measure(NOW) if m.name == name)
    return next(s.value for s in metric.samples if labels.items() <= s.labels.items())
