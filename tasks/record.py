"""The release record: the one source of truth, a chain of events in object storage."""

from typing import Any

from tasks.clients.object_store import ObjectStore
from tasks.gate.model import Model


class Event(Model):
    """One link of the chain, stored as `<target>/releases/<id>/NNNN.json`."""

    number: int  # from 1
    kind: str  # "opened", "claimed", "planned", ...
    at: str  # UTC, ISO 8601
    by: str  # who wrote it: host, process, token
    body: dict[str, Any]
    previous: str  # SHA-256 of the stored bytes of the event before; 64 zeros for the first


class Record:
    """Appends to and reads the events of one release; loses the next write when somebody took over."""

    def __init__(self, store: ObjectStore, target: str, release: str, *, owner: str) -> None:
        raise NotImplementedError

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything read so far, in order."""
        raise NotImplementedError

    def refresh(self) -> tuple[Event, ...]:
        """Read what others appended since; returns only the new events."""
        raise NotImplementedError

    def append(self, kind: str, body: dict[str, Any] | Model) -> Event:
        """Write the next event, only if nobody else did.

        Decisions (`approved`, `rejected`) that others appended meanwhile are taken over and the write is tried again;
        a `claimed` of another owner raises Fenced.
        """
        raise NotImplementedError

    def last(self, kind: str) -> Event | None:
        """The newest event of a kind."""
        raise NotImplementedError
