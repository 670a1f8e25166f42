"""Reads from the store what is measured of a target; what has ended is read once, so that a scrape costs little."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from tasks.backups import newest_proved
from tasks.clients.event_chain import EventChain
from tasks.clients.object_store import ObjectStore
from tasks.drills import last_drill
from tasks.gate import measures
from tasks.gate.chain import Event
from tasks.gate.errors import GateError
from tasks.gate.story import Story
from tasks.record import Record

TOLD = 50  # of the releases that ended before this process started, so many are read for the durations of their steps


class Watched:
    """One target under watch; keep it between scrapes."""

    def __init__(self, store: ObjectStore, target: str) -> None:
        """Touches nothing."""
        self._store = store
        self._target = target
        self._log = EventChain(store, f"{target}/log/")
        self._loaded = False
        self._outcomes: Counter[str] = Counter()
        self._told: list[Story] = []

    def measure(self, now: datetime) -> tuple[measures.Metric, ...]:
        """Every figure of the target at `now`.

        Raises:
            GateError: the store cannot be reached, or the target's log is broken.
        """
        self._take(self._newer())
        newest = self._log.events[-1] if self._log.events else None
        current = self._story(newest, now) if newest is not None and newest.kind == "open" else None
        return measures.measure(
            self._target,
            outcomes=self._outcomes,
            told=self._told,
            current=current,
            proved=newest_proved(self._store, self._target),
            drill=last_drill(self._store, self._target),
        )

    def _newer(self) -> list[Event]:
        if self._loaded:
            return [event for event, _ in self._log.read_newer()]
        self._log.load()
        self._loaded = True
        return self._log.events

    def _take(self, events: list[Event]) -> None:
        ended = [event for event in events if event.kind == "close"]
        self._outcomes.update(str(event.body.get("outcome", "")) for event in ended)
        found = (self._story(event, None) for event in ended[-TOLD:])
        self._told += [story for story in found if story is not None]

    def _story(self, entry: Event, now: datetime | None) -> Story | None:
        release = str(entry.body.get("release", ""))
        try:
            return Record.open(self._store, self._target, release).story(now)
        except GateError:
            return None  # opened a moment ago, or damaged: `gate report --verify` is the place to hear of that


def exposition(found: Iterable[measures.Metric]) -> bytes:
    """The figures as Prometheus reads them (text format 0.0.4, `prometheus_client.CONTENT_TYPE_LATEST`)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(tuple(found)))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, found: tuple[measures.Metric, ...]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return [_family(metric) for metric in self._found]


def _family(metric: measures.Metric) -> Metric:
    labels = sorted({name for sample in metric.samples for name in sample.labels})
    if metric.kind == "summary":
        summary = SummaryMetricFamily(metric.name, metric.meaning, labels=labels)
        for sample in metric.samples:
            summary.add_metric([sample.labels[name] for name in labels], sample.times, sample.value)
        return summary
    family = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
        metric.name, metric.meaning, labels=labels
    )
    for sample in metric.samples:
        family.add_metric([sample.labels[name] for name in labels], sample.value)
    return family
