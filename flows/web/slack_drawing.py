"""A release's record, drawn as its message; and the whole plan as the file that goes beside it."""

from dataclasses import dataclass
from datetime import datetime

from config.policy import Policy
from tasks.gate.ask_state import AskState, ask_state
from tasks.gate.hearing import hearing
from tasks.gate.model import canonical, sha256
from tasks.gate.report import compile_report
from tasks.gate.report_reading import Reading, reading
from tasks.gate.slack_binding import Binding
from tasks.gate.slack_message import Shown, SlackMessage, message
from tasks.gate.story import Story
from tasks.record import Record


@dataclass(frozen=True)
class Drawing:
    """A record as it was at one moment."""

    read: Reading
    story: Story
    ask: AskState
    policy: Policy

    def shown(self, binding: Binding | None) -> Shown:
        """What the renderer is handed."""
        ids = {person.name: person.slack for person in self.policy.people if person.slack}
        on_call = self.policy.slack.on_call or ""
        return Shown(self.read, self.story, self.ask, binding, slack_ids=ids, on_call=on_call)

    def message(self, binding: Binding) -> SlackMessage:
        """The message as it should be now."""
        return message(self.shown(binding))

    def fingerprint(self, binding: Binding) -> str:
        """Changes whenever the message does."""
        return sha256(canonical(self.message(binding).model_dump(mode="json")))


@dataclass(frozen=True)
class WholePlan:
    """The report as a file."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Its checksum, which the message shows."""
        return sha256(self.content)


def drawing(record: Record, target: str, policy: Policy, now: datetime) -> Drawing:
    """The record at `now`, by this policy."""
    ask = ask_state(hearing(record.events), policy, now)
    return Drawing(reading(record.release, target, record.events), record.story(now), ask, policy)


def whole_plan(record: Record, target: str, story: Story) -> WholePlan:
    """Every statement in full and all evidence, as Markdown, which Slack shows as it is."""
    report = compile_report(record.release, target, record.events, story)
    return WholePlan(f"{record.release}.md", report.markdown().encode())
