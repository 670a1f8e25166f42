"""What every step of one release is handed: who it is for, where things are, and where to write what happened."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.record import Record


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(_sentence: str) -> None:
    return None


@dataclass
class Release:
    """One run of the checklist. Steps read it; only the record changes."""

    id: str
    settings: Settings
    policy: Policy
    store: ObjectStore
    record: Record
    say: Callable[[str], None] = _silent  # a line for the person who watches; also a log line in Prefect
    progress: Callable[[str], None] = _silent  # a figure that replaces the last one: bytes, percent, rate
    now: Callable[[], datetime] = _now

    @property
    def target(self) -> str:
        """The name under which production is known: locks, backups and releases hang on it."""
        return self.settings.target
