"""The lock of a target: a chain of opens and closes, where nothing is ever deleted to release it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tasks.clients.event_chain import EventChain
from tasks.clients.object_store import ObjectStore
from tasks.gate.chain import GENESIS, Event, verify_chain
from tasks.gate.errors import Busy, ConfigurationError
from tasks.record import new_owner

TAIL = 4  # entries read to know who holds the target; more only when they are asked for
PATIENCE_SECONDS = 30.0  # a release that ended must not stay open because the store was away for a moment


class LoggedRelease(NamedTuple):
    """A release as the target's log knows it."""

    release: str
    state: str  # "open", or the outcome with which it was closed
    opened_at: str = ""
    by: str = ""
    closed_at: str = ""
    sentence: str = ""
    head: str = ""  # SHA-256 of its record's last event when it was closed; no later change of the record fits it


class TargetLog:
    """Which release holds a target, and which ones did."""

    def __init__(
        self,
        store: ObjectStore,
        target: str,
        *,
        owner: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Touches nothing.

        Args:
            store: where the log lies.
            target: name of the database.
            owner: token of this process; a new one when empty.
            now: the clock, for the time that each entry carries.
        """
        self.target = target
        self._store = store
        self._owner = owner or new_owner()
        self._now = now
        self._folder = f"{target}/log/"

    def open_release(self, release: str) -> None:
        """Take the target; safe to run twice for the same release.

        Raises:
            Busy: another release holds it; names which, since when, and the command that ends it.
        """
        chain = self._tail()
        while True:
            newest = chain.events[-1] if chain.events else None
            if newest and newest.kind == "open":
                if newest.body.get("release") == release:
                    return
                raise _busy(self.target, newest)
            if not self._append(chain, "open", {"release": release}):
                return

    def close(self, release: str, outcome: str, sentence: str) -> None:
        """Give the target back, with the last sentence; nothing happens when the release is closed already.

        Raises:
            ConfigurationError: the release never held the target.
        """
        chain = self._tail()
        while True:
            newest = chain.events[-1] if chain.events else None
            if newest is None or newest.kind != "open" or newest.body.get("release") != release:
                if self._find(release) is None:
                    raise ConfigurationError(f"release {release} never held target {self.target}", release=release)
                return
            ended = {"release": release, "outcome": outcome, "sentence": sentence, "head": self._head_of(release)}
            if not self._append(chain, "close", ended):
                return

    def current(self) -> str | None:
        """The release that holds the target, None while nobody does."""
        events = self._tail().events
        return str(events[-1].body.get("release")) if events and events[-1].kind == "open" else None

    def releases(self, limit: int | None = None) -> tuple[LoggedRelease, ...]:
        """The last `limit` releases, newest first; all of them when None."""
        # Two entries a release; the oldest one read may be a close whose open is one entry further back.
        return _paired(self._tail(None if limit is None else 2 * limit + 1).events)[:limit]

    def verify(self, release: str = "") -> tuple[str, ...]:
        """What is wrong with the log itself, and with a release's record when one is named, in words."""
        chain = EventChain(self._store, self._folder)
        blobs = chain.blobs()
        problems = [f"log: {problem}" for problem in verify_chain(blobs)]
        if release:
            entry = None if problems else self._find(release)
            record = EventChain(self._store, f"{self.target}/releases/{release}/")
            problems += verify_chain(record.blobs(), entry.head if entry else "")
        return tuple(problems)

    def _tail(self, entries: int | None = TAIL) -> EventChain:
        chain = EventChain(self._store, self._folder)
        chain.load(newest=entries)
        return chain

    def _append(self, chain: EventChain, kind: str, body: dict[str, Any]) -> bool:
        """True when somebody else wrote first, and the caller has to look again."""
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        patience = PATIENCE_SECONDS if kind == "close" else 0.0
        return bool(chain.write(chain.link(kind, at=at, by=self._owner, body=body), patience_seconds=patience))

    def _find(self, release: str) -> LoggedRelease | None:
        return next((entry for entry in self.releases() if entry.release == release), None)

    def _head_of(self, release: str) -> str:
        record = EventChain(self._store, f"{self.target}/releases/{release}/")
        record.load(newest=1)
        return record.head if record.head != GENESIS else ""


def _paired(events: list[Event]) -> tuple[LoggedRelease, ...]:
    found: list[LoggedRelease] = []
    for event in events:
        release = str(event.body.get("release"))
        if event.kind == "open":
            found.append(LoggedRelease(release, "open", event.at, event.by))
        elif found and found[-1].release == release:
            outcome, sentence, head = (str(event.body.get(name, "")) for name in ("outcome", "sentence", "head"))
            found[-1] = found[-1]._replace(state=outcome, closed_at=event.at, sentence=sentence, head=head)
    return tuple(reversed(found))


def _busy(target: str, entry: Event) -> Busy:
    release = str(entry.body.get("release"))
    return Busy(
        f"release {release} holds target {target} since {entry.at}",
        hint=f"`gate status` shows where it stands; `gate resume {release}` takes it up again or ends it",
        release=release,
        since=entry.at,
        by=entry.by,
        target=target,
    )
