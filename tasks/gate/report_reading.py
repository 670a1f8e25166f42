"""Reads a release's events into what the report speaks of; never fails: a report is wanted most when things broke."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from tasks.gate.applied import Applied, Verified
from tasks.gate.approval import Decision
from tasks.gate.chain import Event
from tasks.gate.evidence import Finding, Waiver
from tasks.gate.identity import Identity
from tasks.gate.manifest import Proof
from tasks.gate.model import Model
from tasks.gate.plan import Plan
from tasks.gate.recovery import Recovery
from tasks.gate.rehearsal import Rehearsal

M = TypeVar("M", bound=Model)
Body = Mapping[str, Any]


@dataclass
class Reading:
    """The events of one release, by kind; the newest of a kind counts."""

    release: str
    target: str
    events: tuple[Event, ...]
    unread: list[str] = field(default_factory=list)  # events that another version wrote and this one cannot read

    def last(self, *kinds: str) -> Event | None:
        """The newest event of any of these kinds."""
        return next((event for event in reversed(self.events) if event.kind in kinds), None)

    def body(self, *kinds: str) -> Body:
        """The newest body of any of these kinds; empty when there is none."""
        event = self.last(*kinds)
        return event.body if event else {}

    def has(self, *kinds: str) -> bool:
        """True when there is an event of any of these kinds."""
        return self.last(*kinds) is not None

    def text(self, kind: str, name: str) -> str:
        """One value of the newest event of a kind, as text; empty when there is none."""
        value = self.body(kind).get(name)
        return "" if value is None else str(value)

    @property
    def plan(self) -> Plan | None:
        """The plan that was recorded."""
        body = self.body("planned")
        return self._model(Plan, body.get("plan", body), "planned")

    @property
    def identity(self) -> Identity | None:
        """The database that the release was opened for."""
        return self._model(Identity, self.body("opened").get("identity"), "opened")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The answers of the preflight checks."""
        return self._models(Finding, self.body("checked").get("findings"), "checked")

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """What the person who started the release waived."""
        return self._models(Waiver, self.body("opened").get("waivers"), "opened")

    @property
    def proof(self) -> Proof | None:
        """The proof of the newest backup."""
        return self._model(Proof, self.body("proved"), "proved")

    @property
    def rehearsal(self) -> Rehearsal | None:
        """The rehearsal."""
        return self._model(Rehearsal, self.body("rehearsed"), "rehearsed")

    @property
    def applied(self) -> Applied | None:
        """What the apply came to."""
        return self._model(Applied, self.body("applied"), "applied")

    @property
    def verified(self) -> Verified | None:
        """What was looked at after it."""
        return self._model(Verified, self.body("verified"), "verified")

    @property
    def recovery(self) -> Recovery | None:
        """How production was brought back."""
        return self._model(Recovery, self.body("recovered"), "recovered")

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every answer to the newest request, in the order of the record."""
        asked = self.last("asked")
        found = [
            self._model(Decision, event.body, event.kind)
            for event in self.events
            if event.kind in {"approved", "rejected"}
            and asked is not None
            and event.number > asked.number
            and event.body.get("digest") == asked.body.get("digest")
        ]
        return tuple(decision for decision in found if decision is not None)

    @property
    def decision(self) -> Decision | None:
        """The answer that the others are told of: the no, where there is one, else the last yes."""
        given = self.decisions
        return next((d for d in given if not d.approved), given[-1] if given else None)

    def _model(self, kind: type[M], body: object, event: str) -> M | None:
        if not body:
            return None
        try:
            return kind.model_validate(body)
        except ValidationError:
            if event not in self.unread:
                self.unread.append(event)
            return None

    def _models(self, kind: type[M], bodies: object, event: str) -> tuple[M, ...]:
        if not isinstance(bodies, Sequence):
            return ()
        return tuple(model for body in bodies if (model := self._model(kind, body, event)) is not None)


def reading(release: str, target: str, events: Sequence[Event]) -> Reading:
    """The events of a release, ready to be asked."""
    return Reading(release, target, tuple(events))
