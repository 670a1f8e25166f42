"""What is measured of a target, from its releases and backups alone: the same figures wherever they are asked for."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tasks.gate.drill import Drill
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.outcome import EXIT_BY_OUTCOME
from tasks.gate.story import HALTED, WAITING, Story
from tasks.gate.wording import parse_moment

Kind = Literal["counter", "gauge", "summary"]


class Sample(NamedTuple):
    """One value; a summary has the sum in `value` and how often in `times`."""

    labels: Mapping[str, str]
    value: float
    times: int = 0


class Metric(NamedTuple):
    """One named figure with a sentence on what it means; counters are named without `_total`."""

    name: str
    kind: Kind
    meaning: str
    samples: tuple[Sample, ...]


def measure(
    target: str,
    *,
    outcomes: Mapping[str, int],
    told: Sequence[Story],
    current: Story | None,
    proved: tuple[Manifest, Proof] | None,
    drill: Drill | None,
) -> tuple[Metric, ...]:
    """Every figure of one target. Times are Unix seconds, so that a scraper computes ages itself.

    Args:
        target: its name, the label of every sample.
        outcomes: how many releases were closed with which outcome.
        told: closed releases whose steps are counted.
        current: the release that is open, None while there is none.
        proved: the newest proved backup with its newest proof.
        drill: the last one, None when there was none.
    """
    state = current.state if current else ""
    counted = {outcome: outcomes.get(outcome, 0) for outcome in (*EXIT_BY_OUTCOME, *outcomes)}

    def one(value: float | None) -> tuple[Sample, ...]:
        return () if value is None else (Sample({"target": target}, value),)

    return (
        Metric(
            "gate_releases",
            "counter",
            "Releases that have ended, by outcome.",
            tuple(Sample({"target": target, "outcome": name}, number) for name, number in counted.items()),
        ),
        Metric("gate_releases_open", "gauge", "Releases that hold the target: 0 or 1.", one(float(bool(current)))),
        Metric("gate_releases_waiting", "gauge", "Releases that wait for a decision.", one(float(state == WAITING))),
        Metric("gate_releases_halted", "gauge", "Releases that wait for a person.", one(float(state == HALTED))),
        Metric(
            "gate_release_last_event_timestamp_seconds",
            "gauge",
            "When the open release wrote its last event, by state.",
            _stamped(current.latest_at if current else "", {"target": target, "state": state}),
        ),
        Metric(
            "gate_approval_expires_timestamp_seconds",
            "gauge",
            "When the request that waits expires.",
            one(_unix(current.expires_at) if current and state == WAITING else None),
        ),
        Metric("gate_step_seconds", "summary", "How long the steps of ended releases took.", _steps(target, told)),
        Metric(
            "gate_backup_proved_timestamp_seconds",
            "gauge",
            "The moment of the snapshot of the newest proved backup.",
            one(_unix(proved[0].taken_at) if proved else None),
        ),
        Metric(
            "gate_backup_last_proof_timestamp_seconds",
            "gauge",
            "When the newest proved backup was restored and compared last.",
            one(_unix(proved[1].proved_at) if proved else None),
        ),
        Metric(
            "gate_backup_restore_seconds",
            "gauge",
            "How long its last restore took.",
            one(proved[1].restore_seconds if proved else None),
        ),
        Metric(
            "gate_drill_timestamp_seconds",
            "gauge",
            "When the last drill ended.",
            one(_unix(drill.at) if drill else None),
        ),
        Metric(
            "gate_drill_held", "gauge", "1 when the last drill held, else 0.", one(float(drill.held) if drill else None)
        ),
    )


def _steps(target: str, told: Sequence[Story]) -> tuple[Sample, ...]:
    took: dict[str, list[float]] = {}
    for step in (step for story in told for step in story.steps):
        took.setdefault(step.name, []).append(step.seconds)
    return tuple(Sample({"target": target, "step": name}, sum(each), len(each)) for name, each in took.items())


def _stamped(text: str, labels: Mapping[str, str]) -> tuple[Sample, ...]:
    moment = _unix(text)
    return () if moment is None else (Sample(labels, moment),)


def _unix(text: str) -> float | None:
    moment = parse_moment(text)
    return moment.timestamp() if moment else None
