"""A chain of events in object storage: read all, read what is new, write the next one only if nobody did."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasks.clients.object_store import AlreadyThere, NotThere, ObjectStore, Unreachable
from tasks.clients.patience import pause
from tasks.gate.chain import GENESIS, BrokenChain, Event, decode, encode, number_of, verify_chain
from tasks.gate.model import sha256

READERS = 8  # requests at a time: each costs a round trip to the store, which is far away


class EventChain:
    """The links below one folder, as far as they were read."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        """Touches nothing.

        Args:
            store: where the chain lies.
            folder: its keys' prefix, ending in `/`.
        """
        self.store = store
        self.folder = folder
        self.events: list[Event] = []
        self.head = GENESIS

    def key(self, number: int) -> str:
        """Where event `number` lies."""
        return f"{self.folder}{number:04d}.json"

    def numbers(self) -> list[int]:
        """The events that exist, by number."""
        found = (number_of(entry.key) for entry in self.store.keys(self.folder))
        return sorted(number for number in found if number is not None)

    def blobs(self) -> list[tuple[str, bytes]]:
        """Key and stored bytes of every object of the chain, unchecked, for `verify_chain`."""
        return self._fetch([entry.key for entry in self.store.keys(self.folder)])

    @property
    def next_number(self) -> int:
        """The number that nobody has used yet, as far as the chain was read."""
        return self.events[-1].number + 1 if self.events else 1

    def load(self, newest: int | None = None) -> None:
        """Read the chain, or only its newest events, of which the oldest is then taken on trust.

        Raises:
            BrokenChain: an event is altered, missing or out of place.
        """
        numbers = self.numbers()
        wanted = numbers if newest is None else numbers[-newest:]
        start = 1 if newest is None else (wanted[0] if wanted else 1)
        blobs = self._fetch([self.key(number) for number in wanted])
        problems = verify_chain(blobs, start=start)
        if problems:
            raise BrokenChain(f"{self.folder}: {problems[0]}", hint=_altered(self.store))
        self.events = [decode(key, blob) for key, blob in blobs]
        self.head = sha256(blobs[-1][1]) if blobs else GENESIS

    def read_newer(self) -> list[tuple[Event, bytes]]:
        """Read what others appended since; by key, because a listing may lag behind the writes."""
        newer: list[tuple[Event, bytes]] = []
        while True:
            key = self.key(self.next_number)
            try:
                blob = self.store.read(key)
            except NotThere:
                return newer
            event = decode(key, blob)
            if event.previous != self.head or event.number != self.next_number:
                raise BrokenChain(f"{key} does not continue the event before it", hint=_altered(self.store))
            self._take(event, blob)
            newer.append((event, blob))

    def link(self, kind: str, *, at: str, by: str, body: dict[str, Any]) -> Event:
        """The event that would come next; nothing is written."""
        return Event(number=self.next_number, kind=kind, at=at, by=by, body=body, previous=self.head)

    def write(self, event: Event, *, patience_seconds: float = 0.0) -> list[tuple[Event, bytes]]:
        """Store the next event; returns once the store has acknowledged it.

        A reply that got lost on the way is told from a lost race by the bytes: they hold the writer's token and time.

        Args:
            event: made by `link`.
            patience_seconds: for how long an unreachable store is tried again.

        Returns:
            Nothing when the event was written, else what others wrote first, which is read already.
        """
        blob = encode(event)
        try:
            self._create(self.key(event.number), blob, time.monotonic() + patience_seconds)
        except AlreadyThere:
            newer = self.read_newer()
            return [] if newer and newer[0][1] == blob else newer
        self._take(event, blob)
        return []

    def _fetch(self, keys: list[str]) -> list[tuple[str, bytes]]:
        if len(keys) < 2:  # noqa: PLR2004 - a pool costs more than it saves
            return [(key, self.store.read(key)) for key in keys]
        with ThreadPoolExecutor(READERS) as readers:
            return list(zip(keys, readers.map(self.store.read, keys), strict=True))

    def _create(self, key: str, blob: bytes, deadline: float) -> None:
        for attempt in itertools.count():
            try:
                self.store.create(key, blob)
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                pause(attempt)
            else:
                return

    def _take(self, event: Event, blob: bytes) -> None:
        self.events.append(event)
        self.head = sha256(blob)


def _altered(store: ObjectStore) -> str:
    return (
        f"somebody changed objects in {store.describe()}; `gate report ID --verify` lists what, and nothing acts on it"
    )
