"""What the Slack door and the keeper of its messages share: the client, who we are there, and which button is whose."""

import threading
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.clients.slack import Slack
from tasks.gate.ask_state import AskStanding, ask_state
from tasks.gate.errors import ConfigurationError, GateError
from tasks.gate.hearing import hearing
from tasks.gate.slack_binding import Binding, bindings
from tasks.gate.slack_text import SECTION, fit
from tasks.record import Record
from tasks.slack_posting import Room, room
from tasks.target_log import TargetLog

Value = TypeVar("Value")

LOOKED_BACK = 20  # releases whose buttons are still answered with what became of them
REMEMBERED = 1000


class Bound(NamedTuple):
    """A button and the release that it belongs to."""

    release: str
    binding: Binding


class SlackPlace:
    """The channel, as this process knows it. Threads may share it."""

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        """Contact nobody yet.

        Raises:
            ConfigurationError: one of Slack's settings is missing.
        """
        self.channel = _required(settings.slack_channel, "GATE_SLACK_CHANNEL", "the id of the channel, C…")
        self.slack = Slack(
            _required(settings.slack_bot_token, "GATE_SLACK_BOT_TOKEN", "the app's xoxb-…"), settings.slack_api_url
        )
        if settings.slack_signing_secret is None and settings.slack_app_token is None:
            _required(None, "GATE_SLACK_SIGNING_SECRET", "or GATE_SLACK_APP_TOKEN for Socket Mode")
        self.changed = threading.Event()  # wakes the keeper of the messages: something was decided
        self._target = settings.target
        self._store = store
        self._known: dict[str, Bound] = {}
        self._lock = threading.Lock()

    def room(self) -> Room:
        """Who we are in which channel; asked for each message, because a channel may be shared meanwhile.

        Raises:
            GateError: Slack does not say, or the channel may not be used.
        """
        return room(self.slack, self.channel)

    def remember(self, record: Record) -> None:
        """Keep which buttons belong to a release."""
        with self._lock:
            for binding in bindings(record.events):
                self._known[binding.id] = Bound(record.release, binding)
            while len(self._known) > REMEMBERED:
                self._known.pop(next(iter(self._known)))

    def bound(self, binding_id: str) -> Bound | None:
        """The release that a button belongs to; looks into the record where this process did not post it.

        Raises:
            GateError: the store cannot be read.
        """
        known = self._known.get(binding_id)
        if known is not None and known.binding.ts:
            return known
        for entry in TargetLog(self._store, self._target).releases(LOOKED_BACK):
            if Record.exists(self._store, self._target, entry.release):
                self.remember(Record.open(self._store, self._target, entry.release))
            if binding_id in self._known:
                break
        return self._known.get(binding_id)

    def known(self, binding_id: str) -> Bound | None:
        """What this process remembers of a button, without asking the store."""
        return self._known.get(binding_id)

    def over(self, bound: Bound, policy: Policy) -> str:
        """Why nothing can be decided on a release any more, in words; empty while something can.

        Raises:
            GateError: the record cannot be read.
        """
        record = Record.open(self._store, self._target, bound.release)
        asked = ask_state(hearing(record.events), policy, datetime.now(UTC))
        if asked.standing in (AskStanding.WAITING, AskStanding.HOLDING) and asked.digest == bound.binding.digest:
            return ""
        return f"release {bound.release}: {asked.sentence}; nothing was changed"

    def tell(self, user: str, sentence: str) -> bool:
        """Say something to one person, below the message, seen by nobody else; False when Slack did not take it."""
        try:
            self.slack.call(
                "chat.postEphemeral", body={"channel": self.channel, "user": user, "text": fit(sentence, SECTION)}
            )
        except GateError:
            return False
        return True


def _required(value: Value | None, name: str, what: str) -> Value:
    if value is None:
        raise ConfigurationError(f"Slack is configured, but {name} is not set", hint=f"{name} is {what}")
    return value
