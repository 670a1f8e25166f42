"""What a button of Slack is bound to, as the record says it: release, plan, channel, message, application, expiry."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from tasks.gate.chain import Event
from tasks.gate.model import Model
from tasks.gate.wording import parse_moment

KIND = "slack"  # the kind of these events; anybody may write them, whoever acts on the release
LONGEST = 6  # doublings
STALE = timedelta(seconds=90)  # a message that was being posted for longer than that is taken for lost


class Note(Model):
    """One event about the message; the steps of one message share its id."""

    step: Literal["posting", "posted", "voided", "filed", "paged"]
    id: str  # 256 random bits; the value of its buttons
    sentence: str
    digest: str = ""
    channel: str = ""
    expires_at: datetime | None = None
    ts: str = ""  # Slack's name of the message
    team: str = ""
    app: str = ""
    file: str = ""  # name of the plan in the thread
    sha256: str = ""  # of that file


class Binding(Model):
    """A message that was posted, or is being posted."""

    id: str
    digest: str
    channel: str
    expires_at: datetime | None
    begun_at: datetime
    ts: str = ""  # empty until Slack has said it
    team: str = ""
    app: str = ""
    voided: bool = False
    file: str = ""
    sha256: str = ""

    def lost(self, now: datetime, given_up: int = 0) -> bool:
        """True when whoever was posting it is not heard of any more.

        Args:
            now: the moment of the question.
            given_up: how many messages were void before: while Slack is away, replicas must not void each other's
                intents for ever, so each waits twice as long as the one before.
        """
        return not self.ts and not self.voided and now - self.begun_at > STALE * 2 ** min(given_up, LONGEST)


def bindings(events: Sequence[Event]) -> tuple[Binding, ...]:
    """Every message of a release, oldest first, as the record binds it."""
    found: dict[str, Binding] = {}
    for event in events:
        note = note_of(event)
        if note is None:
            continue
        if note.step == "posting":
            begun = parse_moment(event.at)
            if begun is not None and note.id not in found:
                found[note.id] = Binding(
                    id=note.id, digest=note.digest, channel=note.channel, expires_at=note.expires_at, begun_at=begun
                )
        elif note.id in found:
            found[note.id] = _after(found[note.id], note)
    return tuple(found.values())


def note_of(event: Event) -> Note | None:
    """The event as a note about a message; None for all other events."""
    if event.kind != KIND:
        return None
    try:
        return Note.model_validate(event.body)
    except ValidationError:
        return None


def current(found: Sequence[Binding], digest: str) -> Binding | None:
    """The message that stands for a plan; None when it has to be posted."""
    return next((b for b in reversed(found) if b.digest == digest and not b.voided), None)


def paged(events: Sequence[Event], reason: str) -> bool:
    """True when the people on call were called for this very sentence."""
    notes = (note_of(event) for event in events)
    return any(note is not None and note.step == "paged" and note.sentence == reason for note in notes)


def _after(binding: Binding, note: Note) -> Binding:
    if note.step == "posted" and not binding.ts:
        return binding.model_copy(update={"ts": note.ts, "team": note.team, "app": note.app})
    if note.step == "voided" and not binding.ts:
        return binding.model_copy(update={"voided": True})
    if note.step == "filed" and not binding.file:
        return binding.model_copy(update={"file": note.file, "sha256": note.sha256})
    return binding
