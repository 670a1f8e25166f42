"""Follows a release that runs elsewhere: its record where the store is in reach, its run in Prefect in any case."""

import time
from collections.abc import Callable

from config.settings import Settings
from flows.prefect_rest import PrefectApi
from tasks.clients.object_store import ObjectStore
from tasks.gate.errors import ConfigurationError, GateError
from tasks.gate.following import RunState, Seen, judge_end
from tasks.gate.outcome import Outcome
from tasks.gate.plan import Plan
from tasks.gate.story import HOLDING, WAITING, Story
from tasks.gate.wording import moment
from tasks.record import Record
from tasks.target_log import TargetLog

PAUSE_SECONDS = 2.0
LOOKED_AT = 20  # newest releases of the target, among which the run's own is looked for
TOUCHING = ("applying", "recovering", "swapping")


class Follower:
    """One run and its release; says what is new, and knows when it is over."""

    def __init__(
        self,
        api: PrefectApi,
        run: str,
        settings: Settings,
        store: ObjectStore | None,
        say: Callable[[str], None],
        waits: Callable[[Story], None],
    ) -> None:
        """Asks nobody yet.

        Args:
            api: the Prefect server.
            run: the flow run.
            settings: for the target's name.
            store: where the record lies; None where this machine has no address of it.
            say: told one line at a time.
            waits: told once that the release waits for a decision.
        """
        self._api, self._run, self._target, self._store, self._say = api, run, settings.target, store, say
        self._waits = waits
        self._record: Record | None = None
        self._others: set[str] = set()  # releases of other runs: their records are not read again every few seconds
        self._told: set[str] = set()
        self._lines = 0
        self._last: object = None
        self._changed = time.monotonic()

    @property
    def release(self) -> str:
        """The release's id, empty until the run has opened one that can be seen from here."""
        return self._record.release if self._record else ""

    @property
    def plan(self) -> Plan | None:
        """What the release is to run; None while nothing says so, or another version of Gate wrote it."""
        planned = self._record.last("planned") if self._record else None
        try:
            return Plan.model_validate(planned.body["plan"]) if planned else None
        except ValueError:
            return None

    def follow(self, patience_seconds: float) -> Outcome:
        """Look until it is over.

        Raises:
            ConfigurationError: neither the Prefect server nor the record could be read for `patience_seconds`.
        """
        heard = time.monotonic()
        while True:
            run = self._api.state(self._run)
            story, readable = self._read()
            if run is not None or story is not None:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience_seconds:
                raise ConfigurationError(
                    f"the Prefect server at {self._api.address} has not answered for {patience_seconds / 60:.0f} min",
                    hint="the release goes on without us: run the same command again to follow it, or `gate status`",
                )
            self._tell(run, story)
            if outcome := judge_end(self._seen(run, story, readable=readable)):
                return outcome
            time.sleep(PAUSE_SECONDS)

    def _read(self) -> tuple[Story | None, bool]:
        """The record's story, and whether the store answers; a store that is away for a moment ends nothing."""
        if self._store is None:
            return None, False
        try:
            if self._record is None:
                self._record = self._find(self._store)
            else:
                self._record.refresh()
            return (self._record.story() if self._record else None), True
        except GateError:
            return None, False

    def _find(self, store: ObjectStore) -> Record | None:
        for entry in TargetLog(store, self._target).releases(LOOKED_AT):
            if entry.release in self._others:
                continue
            record = Record(store, self._target, entry.release, owner="follower")
            opened = record.last("opened")
            if opened is not None and opened.body.get("flow_run") == self._run:
                return record
            if opened is not None:  # one that is only just being opened may yet be ours
                self._others.add(entry.release)
        return None

    def _seen(self, run: RunState | None, story: Story | None, *, readable: bool) -> Seen:
        now = (run, len(self._record.events) if self._record else 0)
        if run is not None and now != self._last:
            self._last, self._changed = now, time.monotonic()
        touched = self._record is not None and any(self._record.last(kind) for kind in TOUCHING)
        quiet = time.monotonic() - self._changed
        return Seen(run=run, story=story, readable=readable, touched=touched, quiet_seconds=quiet)

    def _tell(self, run: RunState | None, story: Story | None) -> None:
        if run is None:
            self._once("the Prefect server does not answer; the release does not depend on it", again="away")
        else:
            self._told.discard("away")
            self._once(f"{run.name}: {run.message}".rstrip(": "))
            if run.name == "Late":
                self._once("no worker has taken it yet: is `gate serve` running for this target?")
        if story is None:
            new = self._api.lines(self._run, self._lines) if run is not None and self._store is None else []
            self._lines += len(new)
            for line in new:
                self._say(f"  {line}")
            return
        self._once(f"release {story.id}")
        for step in story.steps:
            self._once(f"  {step.name}: {step.sentence}", again=f"{step.name} {step.started_at}")
        if story.state == WAITING and "waits" not in self._told:
            self._told.add("waits")
            self._waits(story)
            self._say(f"  waiting for approval until {moment(story.expires_at)}: gate approve {story.id}")
        if story.state == HOLDING:
            self._once(f"  {story.sentence}")

    def _once(self, line: str, *, again: str = "") -> None:
        """Say a line that was not said before."""
        key = again or line
        if key not in self._told:
            self._told.add(key)
            self._say(line)
