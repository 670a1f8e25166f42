"""Clears away what a killed process left: scratch clusters, half backups, open uploads; never a whole backup."""

from tasks.backups import sweep_half_backups
from tasks.clients import scratch
from tasks.gate.wording import count
from tasks.release import Release


def sweep(release: Release) -> None:
    """Remove leftovers of this target; only a process that holds the target may call it."""
    clusters = scratch.sweep()
    halves = sweep_half_backups(release.store, release.target)
    if clusters or halves:
        release.say(
            f"swept {count(clusters, 'scratch cluster')} and {count(halves, 'half backup')} that a killed process left"
        )
