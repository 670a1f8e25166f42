"""A release that has passed everything but the question, as often as a case needs it, and production behind it."""

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.policy import Policy
from config.settings import Settings, load, read_policy
from flows.checklist import Checklist
from flows.holding import check_again_when_open
from flows.terminal import Terminal
from tasks.apply_plan import apply_plan
from tasks.backups import find_backup
from tasks.clients.object_store import ObjectStore
from tasks.decide import decide
from tasks.gate.errors import GateError
from tasks.gate.model import digest_of
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.ruling import Answer, Ruling
from tasks.record import Record, new_owner
from tasks.release import Release
from tasks.steps import ask, back_up, open, plan, preflight, rehearse
from tasks.workshop import Workshop, look
from tests.acceptance.project import Project

PEOPLE = """
[backup]
max_age_minutes = 100000
[verify]
health_attempts = 1
[[people]]
name = "ann"
slack = "UANN"
github = "Ann-GH"
os_user = "ann"
emails = ["ann@example.com"]
[[people]]
name = "bob"
slack = "UBOB"
github = "bob-gh"
os_user = "bob"
database_user = "bob_admin"
emails = ["bob@example.com"]
[[people]]
name = "cyd"
slack = "UCYD"
os_user = "cyd"
[[people]]
name = "dan"
slack = "UDAN"
os_user = "dan"
"""
RULES = '[approval]\napprovers = ["ann", "bob", "cyd"]\nbreak_glass = ["ann", "bob", "dan"]\n'
FRESH = "# the backup must be seconds old"
_numbers = itertools.count(1)


@dataclass
class Attempt:
    """One release before its question, and what somebody tries with it."""

    release: Release
    plan: Plan
    stage: "Stage"
    late: timedelta = timedelta()

    @property
    def id(self) -> str:
        return self.release.id

    def say(self, door: str, identity: str, *, policy: Policy | None = None, **more: Any) -> Ruling:
        """Answer at a door, as its own process would: with the settings, the policy and nothing else."""
        decided = decide(
            self.release.settings.model_copy(update={"production_url": None}),
            policy or read_policy(self.release.settings.policy_file),
            self.id,
            door=door,
            identity=identity,
            **{"approved": True, "now": lambda: datetime.now(UTC) + self.late, **more},
        )
        return decided.ruling

    def refused(self, answer: Answer, door: str, identity: str, **more: Any) -> None:
        """Answer, and be told no."""
        ruling = self.say(door, identity, **more)
        assert ruling.answer is answer, ruling

    def accepted(self, door: str, identity: str, **more: Any) -> None:
        """Answer, and be counted."""
        self.refused(Answer.ACCEPTED, door, identity, **more)

    def let_late(self, **how_much: float) -> None:
        """Let time go by, for the doors and for the release."""
        self.late = timedelta(**how_much)
        self.release.now = lambda: datetime.now(UTC) + self.late

    def through(self) -> GateError | None:
        """Go on as the flow does after the question; what stopped it."""
        todo = Checklist(Terminal(io.StringIO()))
        try:
            ask.settled(self.release, ask.standing(self.release, self.plan))
            backup = back_up.back_up(self.release, self.stage.workshop)
            check_again_when_open(todo, self.release, self.stage.workshop, self.plan, backup)
            apply_plan(self.release, self.plan, self.stage.rehearsal)
        except GateError as error:
            return error
        return None

    def straight(self) -> GateError | None:
        """Skip every step between the question and the apply."""
        try:
            apply_plan(self.release, self.plan, self.stage.rehearsal)
        except GateError as error:
            return error
        return None


@dataclass
class Stage:
    """Everything that the cases share: the world is put back after each."""

    project: Project
    settings: Settings
    workshop: Workshop
    store: ObjectStore
    events: Sequence[tuple[str, dict[str, Any]]]
    plan: Plan
    rehearsal: Rehearsal
    afterwards: list[Callable[[], object]] = field(default_factory=list)

    def policy(self, rules: str) -> Policy:
        """Write gate.toml, and read it as every process does."""
        self.settings.policy_file.write_text(
            PEOPLE.replace("100000", "0.0001") + rules if FRESH in rules else PEOPLE + rules
        )
        return read_policy(self.settings.policy_file)

    def attempt(
        self,
        rules: str = RULES,
        *,
        started_by: str = "dan",
        authors: Sequence[str] = (),
        loses_data: bool = False,
        waivers: Sequence[dict[str, str]] = (),
    ) -> Attempt:
        """A release that asks under these rules."""
        policy = self.policy(rules)
        this = self.plan.model_copy(update={"policy_digest": digest_of(policy)})
        name = f"20261125-120000-shop-{next(_numbers):06x}"
        record = Record(self.store, "shop", name, owner=new_owner(), patience_seconds=0)
        release = Release(name, self.settings, policy, self.store, record)
        for kind, body in self.events:
            more = {"by": started_by, "waivers": list(waivers)} if kind == "opened" else {}
            if kind == "planned":
                more = {"plan": this.model_dump(mode="json"), "digest": this.digest}
            record.append(kind, {**body, **more, "release": name})
        ask.ask(release, this, "what", authors=tuple(authors), loses_data=loses_data)
        return Attempt(release, this, self)

    def production(self) -> tuple[Any, ...]:
        """What no attack may change."""
        return self.project.contents(), self.project.columns(), self.project.ledger()

    def put_back(self) -> None:
        """Undo what a case did to the world around the release."""
        while self.afterwards:
            self.afterwards.pop()()

    def swap_file(self, path: Path, content: bytes) -> None:
        """Change a file until the end of the case."""
        before = path.read_bytes() if path.exists() else None
        self.afterwards.append(lambda: path.unlink() if before is None else path.write_bytes(before))
        path.write_bytes(content)


@contextmanager
def open_stage(project: Project) -> Iterator[Stage]:
    """Take one release up to its question, once."""
    project.ready()
    project.policy = PEOPLE + RULES
    environment = project.environment(GATE_POLICY_FILE=str(project.home / "gate.toml"))
    settings, policy = load(environment)
    store = open.store_of(settings)
    with Workshop(settings, policy, look(settings)) as workshop:
        release = open.open_new(
            settings, policy, store, workshop.identity, by="dan", door="test", waivers=(), now=datetime.now(UTC)
        )
        this = plan.plan(release, workshop)
        preflight.preflight(release, workshop, this)
        backup = back_up.back_up(release, workshop)
        back_up.prove_backup(release, workshop, backup)
        rehearsed = rehearse.rehearse(release, workshop, this, find_backup(store, "shop", backup.id))
        workshop.let_go()
        events = [(e.kind, e.body) for e in release.record.events]
        yield Stage(project, settings, workshop, store, events, this, rehearsed)
