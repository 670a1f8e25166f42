"""A release that waits for a yes, a workspace full of people, and an endpoint between them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.policy import Approval, Person, Policy, Slack
from config.settings import Settings
from flows.web.run import serving_doors
from tasks.clients.object_store import ObjectStore
from tasks.gate.model import digest_of
from tasks.gate.plan import Plan
from tasks.record import Record
from tasks.steps.open import store_of
from tasks.target_log import TargetLog
from tests.servers.slack import CHANNEL, SIGNING_SECRET, TOKEN, Message, Workspace, send
from tests.unit.sample_evidence import TARGET, plan
from tests.unit.sample_releases import until_asked

ANN, JON, MIRA, GUEST = "U0ANN", "U0JON", "U0MIRA", "U0GUEST"
PEOPLE = (
    Person(name="ann", slack=ANN),
    Person(name="jon", slack=JON, os_user="jon-os"),
    Person(name="mira", slack=MIRA, os_user="mira-os"),
)
POLICY = Policy(people=PEOPLE, approval=Approval(approvers=("ann", "jon", "mira")), slack=Slack(on_call="S0ONCALL"))


@dataclass
class Stage:
    """Everything a test of the Slack door looks at."""

    slack: Workspace
    settings: Settings
    store: ObjectStore
    policy: Policy = POLICY
    address: str = ""
    releases: int = 0
    release: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def policy_now(self) -> Policy:
        """What the endpoint reads for each decision."""
        return self.policy

    def ask(self, *, the_plan: Plan | None = None, hours: float = 4.0, **changed: Any) -> Record:
        """Open a release and bring it to where it asks."""
        self.releases += 1
        self.release = f"20261123-14{self.releases:04}-shop-abc{self.releases:03}"
        TargetLog(self.store, TARGET).open_release(self.release)
        record = Record(self.store, TARGET, self.release, owner="the-engine")
        now = datetime.now(UTC)
        for kind, _, body in until_asked(the_plan):
            content = body if isinstance(body, dict) else body.model_dump(mode="json")
            if kind == "opened":
                content = {**content, "release": self.release, "by": "mira-os"}
            if kind == "asked":
                expires = now + timedelta(hours=hours)
                content |= {"asked_at": now.isoformat(), "expires_at": expires.isoformat(), "started_by": "mira-os"}
                content |= {"policy_digest": digest_of(self.policy), **changed}
            record.append(kind, content)
        return record

    def end(self, record: Record, outcome: str = "released", sentence: str = "it is in production") -> None:
        record.append("closed", {"outcome": outcome, "sentence": sentence, "exit_code": 0})
        TargetLog(self.store, TARGET).close(record.release, outcome, sentence)

    def message(self) -> Message:
        """The message of the newest release, once it is there and bound, with its plan filed."""
        wait_until(lambda: bool(self.slack.top()) and "filed" in self.notes(), "a message")
        return self.slack.top()[-1]

    def events(self) -> list[Any]:
        return list(Record.open(self.store, TARGET, self.release).events)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]

    def notes(self) -> list[str]:
        return [event.body["step"] for event in self.events() if event.kind == "slack"]

    def decisions(self) -> list[Any]:
        return [event for event in self.events() if event.kind in ("approved", "rejected")]

    def press(self, action: str = "gate_approve", user: str = JON, **changed: Any) -> Any:
        return send(self.address, self.slack.payload(self.message(), user, action, **changed))

    def told(self, count: int = 1) -> str:
        """What was whispered to the last person."""
        wait_until(lambda: len(self.slack.ephemeral) >= count, "a word to the person")
        return str(self.slack.ephemeral[-1]["text"])


@contextmanager
def stage(slack: Workspace, folder: Path, policy: Policy = POLICY, **settings: Any) -> Iterator[Stage]:
    """An endpoint on a free port over a store in a folder."""
    found = slack_settings(slack, folder, **settings)
    here = Stage(slack, found, store_of(found), policy)
    for user in (ANN, JON, MIRA):
        slack.member(user)
    slack.member(GUEST, is_restricted=True)

    def policy_now() -> Policy:
        return here.policy_now()  # looked up anew each time, because a test may have replaced it

    with serving_doors(found, policy_now) as address:
        here.address = address
        yield here


def slack_settings(slack: Workspace, folder: Path, **changed: Any) -> Settings:
    return Settings.model_validate(
        {
            "target": TARGET,
            "store_url": folder.as_uri(),
            "serve_listen": "127.0.0.1:0",
            "slack_channel": CHANNEL,
            "slack_bot_token": TOKEN,
            "slack_signing_secret": SIGNING_SECRET,
            "slack_api_url": slack.api_url,
            **changed,
        }
    )


def wait_until(there: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def the_digest() -> str:
    return plan().digest
