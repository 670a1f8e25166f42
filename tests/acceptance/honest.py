"""People and probes that use the endpoint as they should, all the time, while somebody else does not."""

import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from config.policy import Policy
from tasks.steps.open import store_of
from tests.integration.slack_stage import Stage, slack_settings, wait_until
from tests.servers.slack import Workspace, send

PEOPLE = 40
USERS = [f"U{n:04}" for n in range(PEOPLE)]
PAUSE_SECONDS = 0.1


def policy_text() -> str:
    """Every one of these people has to agree, so that each press is one decision in the record."""
    people = "".join(f'[[people]]\nname = "p{n}"\nslack = "{user}"\n' for n, user in enumerate(USERS))
    names = ", ".join(f'"p{n}"' for n in range(PEOPLE))
    return f"{people}[approval]\napprovers = [{names}]\ncount = {PEOPLE}\n"


@dataclass
class Served:
    """What became of the honest requests of one block."""

    seconds: list[float] = field(default_factory=list)  # of each answer
    wrong: list[str] = field(default_factory=list)  # what was no answer, or another than expected
    presses: int = 0


class Honest:
    """Some people in Slack, and a probe; they press and ask only while `at_work`."""

    def __init__(self, slack: Workspace, home: Path, address: str) -> None:
        """Nothing is asked yet.

        Args:
            slack: where the messages are.
            home: the folder of the endpoint's store; its gate.toml is to hold `policy_text()`.
            address: the endpoint.
        """
        for user in USERS:
            slack.member(user)
        settings = slack_settings(slack, home / "store")
        policy = Policy.model_validate(tomllib.loads(policy_text()))
        self._here = Stage(slack, settings, store_of(settings), policy)
        self._address = address
        self._pressed: list[str] = []  # users who were answered, of the release that asks now
        self._turns = self._next()

    @contextmanager
    def at_work(self) -> Iterator[Served]:
        """A thread that asks for the health and presses approve, person after person, until the end of the block."""
        served, over = Served(), threading.Event()
        self._turn(served)  # the message is there before anybody else begins

        def work() -> None:
            while not over.wait(PAUSE_SECONDS):
                try:
                    self._turn(served)
                except AssertionError as error:
                    served.wrong.append(str(error))
                    return

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            over.set()
            thread.join(60)
        self._all_are_recorded()

    def _turn(self, served: Served) -> None:
        for path in ("/healthz", "/readyz"):
            _ask(served, path, lambda path=path: httpx.get(f"{self._address}{path}", timeout=20, verify=False))  # type: ignore[misc]
        user, payload = next(self._turns)
        _ask(served, "press", lambda: send(self._address, payload))
        served.presses += 1
        self._pressed.append(user)

    def _next(self) -> Iterator[tuple[str, object]]:
        """Who presses next; a release that all have approved ends, and another one asks."""
        while True:
            record = self._here.ask()
            message = self._here.message()
            for user in USERS:
                yield user, self._here.slack.payload(message, user, "gate_approve")
            self._all_are_recorded()
            record.refresh()
            self._here.end(record)
            self._pressed.clear()

    def _all_are_recorded(self) -> None:
        wait_until(lambda: len(self._here.decisions()) >= len(self._pressed), "every press to be recorded", 20)
        assert sorted(d.body["identity"] for d in self._here.decisions()) == sorted(self._pressed)


def _ask(served: Served, what: str, act: Callable[[], httpx.Response]) -> None:
    began = time.monotonic()
    try:
        answer = act()
    except httpx.HTTPError as error:
        served.wrong.append(f"{what}: {type(error).__name__} after {time.monotonic() - began:.1f} s")
        return
    served.seconds.append(time.monotonic() - began)
    if answer.status_code != httpx.codes.OK:
        served.wrong.append(f"{what}: {answer.status_code}")
