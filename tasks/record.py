"""The release record: the one source of truth, a chain of events in object storage."""

import difflib
import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tasks.clients.event_chain import EventChain
from tasks.clients.object_store import ObjectStore
from tasks.gate.chain import BrokenChain, Event, plain_body
from tasks.gate.errors import ConfigurationError, Fenced
from tasks.gate.model import Model
from tasks.gate.story import Story, fold

__all__ = ["Event", "Record", "new_owner", "release_ids"]

DECISIONS = ("approved", "rejected", "expired")
FREE = (*DECISIONS, "noted", "slack")  # anybody may write these, whoever acts on the release
PATIENCE_SECONDS = 30.0  # how long an unreachable store is tried again once the release is under way


class Record:
    """Appends to and reads the events of one release; loses the next write when somebody took over.

    Nothing is read before it is asked for. One instance may be shared by the threads of a process.
    """

    def __init__(
        self,
        store: ObjectStore,
        target: str,
        release: str,
        *,
        owner: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """The record of a release that may or may not exist yet.

        Args:
            store: where it lies.
            target: name of the database.
            release: id of the release.
            owner: token of this process, see `new_owner`.
            now: the clock, for the time that each event carries; order never depends on it.
            patience_seconds: for how long an append tries a store that cannot be reached, after the first event.
        """
        self.target = target
        self.release = release
        self.owner = owner
        self._now = now
        self._patience = patience_seconds
        self._chain = EventChain(store, f"{target}/releases/{release}/")
        self._loaded = False
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        store: ObjectStore,
        target: str,
        release: str,
        *,
        owner: str = "",
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> "Record":
        """The record of a release that exists.

        Raises:
            ConfigurationError: no such release; names the nearest ids.
            BrokenChain: an event is altered, missing or out of place.
        """
        record = cls(store, target, release, owner=owner or new_owner(), patience_seconds=patience_seconds)
        if not record.events:
            raise _unknown(release_ids(store, target), target, release)
        return record

    @staticmethod
    def exists(store: ObjectStore, target: str, release: str) -> bool:
        """True when a release with this id was opened."""
        return store.size(f"{target}/releases/{release}/0001.json") is not None

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything read so far, in order."""
        with self._lock:
            self._load()
            return tuple(self._chain.events)

    @property
    def head(self) -> str:
        """SHA-256 of the last event's stored bytes, for the target's log to vouch for."""
        with self._lock:
            self._load()
            return self._chain.head

    @property
    def holder(self) -> str | None:
        """Who claimed the release last; only they may act on it."""
        claim = self.last("claimed")
        return claim.by if claim else None

    def blobs(self) -> list[tuple[str, bytes]]:
        """Key and bytes of everything stored, unchecked, for `verify_chain`."""
        return self._chain.blobs()

    def refresh(self) -> tuple[Event, ...]:
        """Read what others appended since; returns only the new events."""
        with self._lock:
            if not self._loaded:
                return self.events
            return tuple(event for event, _ in self._chain.read_newer())

    def last(self, kind: str) -> Event | None:
        """The newest event of a kind."""
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def story(self, now: datetime | None = None) -> Story:
        """What happened so far, in words, with the one command to type next."""
        return fold(self.events, now or self._now(), release=self.release)

    def append(self, kind: str, body: dict[str, Any] | Model | None = None) -> Event:
        """Write the next event, only if nobody else did; returns when the store has acknowledged it.

        Decisions and notes that others appended meanwhile are taken over and the write is tried again.

        Raises:
            Fenced: another process claimed the release, or works on it.
            ConfigurationError: a claim on a release that was never opened.
        """
        with self._lock:
            self._load()
            if kind == "claimed" and not self._chain.events:
                raise _unknown(release_ids(self._chain.store, self.target), self.target, self.release)
            self.refuse_if_taken_over(kind)
            plain = plain_body(body)
            if kind == "opened":  # so that no record can pass for another release's
                plain = {"release": self.release, "target": self.target, **plain}
            return self._write(kind, plain, lambda newer: self._yield_to(kind, newer))

    def refuse_if_taken_over(self, kind: str = "") -> None:
        """Raise Fenced when another process claimed the release, and an event of this kind is not for everybody."""
        claim = self.last("claimed")
        if claim and claim.by != self.owner and kind not in (*FREE, "claimed"):
            raise self._fenced(claim)

    def append_if(self, kind: str, judge: Callable[[tuple[Event, ...]], Model | None]) -> Event | None:
        """Write the next event only if the record allows it, asked anew whenever somebody else was faster.

        So of any number of writers at once, in any process, exactly as many succeed as `judge` lets, in one order that
        all of them see.

        Args:
            kind: one that anybody may write, whoever acts on the release.
            judge: is shown the events as they are just before the write; returns the body to write, or None.

        Returns:
            The event; None when the record does not allow it, and nothing was written.
        """
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self.refresh()
            while (body := judge(self.events)) is not None:
                event = self._chain.link(kind, at=at, by=self.owner, body=plain_body(body))
                if not self._chain.write(event, patience_seconds=self._patience):
                    return event
            return None

    def _load(self) -> None:
        if not self._loaded:
            self._chain.load()
            opened = self._chain.events[0].body.get("release") if self._chain.events else None
            if opened not in (None, self.release):
                raise BrokenChain(f"the record of {self.release} is that of {opened}: objects were exchanged")
            self._loaded = True

    def _write(self, kind: str, body: dict[str, Any], lost: Callable[[list[Event]], None]) -> Event:
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        patience = self._patience if self._chain.events else 0.0
        while True:
            event = self._chain.link(kind, at=at, by=self.owner, body=body)
            newer = self._chain.write(event, patience_seconds=patience)
            if not newer:
                return event
            lost([one for one, _ in newer])

    def _yield_to(self, kind: str, newer: list[Event]) -> None:
        if kind in FREE:
            return
        for event in newer:
            if event.kind not in FREE and event.by != self.owner:
                raise self._fenced(event)

    def _fenced(self, event: Event) -> Fenced:
        deed = "took over" if event.kind == "claimed" else f"wrote {event.kind!r} to"
        return Fenced(
            f"{event.by} {deed} release {self.release} at {event.at}, so this process stopped",
            hint=f"`gate status` shows how it goes on; if that process is gone, `gate resume {self.release}`",
            release=self.release,
            by=event.by,
            at=event.at,
        )


def new_owner() -> str:
    """A token for this process that no other one has: host, process id, 6 random hexadecimal digits."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def release_ids(store: ObjectStore, target: str) -> tuple[str, ...]:
    """Every release of a target, oldest first."""
    return tuple(store.folders(f"{target}/releases/"))


def _unknown(known: tuple[str, ...], target: str, release: str) -> ConfigurationError:
    near = difflib.get_close_matches(release, known, n=3, cutoff=0.4) or known[-3:][::-1]
    hint = (
        f"the nearest are {', '.join(near)}; `gate status` lists them"
        if near
        else f"target {target} has no release yet"
    )
    return ConfigurationError(f"no release {release} of target {target}", hint=hint, release=release, target=target)
