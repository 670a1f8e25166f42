"""A thousand honest presses at two replicas, under load, one of them killed and restarted: each counts exactly once."""

import itertools
import signal
import socket
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from config.policy import Policy
from tasks.steps.open import store_of
from tests.acceptance.slack_serving import Served, start, stop
from tests.integration.slack_stage import Stage, slack_settings, wait_until
from tests.servers.slack import Workspace, send, workspace

RELEASES, PEOPLE = 50, 20
KILLED_IN = (RELEASES // 3, 2 * RELEASES // 3)  # of these releases the first replica dies while people press
P99_SECONDS = 1.0


def policy_text() -> str:
    people = "".join(f'[[people]]\nname = "p{n}"\nslack = "U{n:04}"\n' for n in range(PEOPLE))
    names = ", ".join(f'"p{n}"' for n in range(PEOPLE))
    return f"{people}[approval]\napprovers = [{names}]\ncount = {PEOPLE}\n"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Replicas:
    """Two endpoints over one store; the first one's address stays the same when it is started again."""

    def __init__(self, slack: Workspace, home: Path) -> None:
        self._slack, self._home = slack, home
        self._listen = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self.served: list[Served] = [self._start(0), self._start(1)]
        self._turn = itertools.count()

    def _start(self, which: int) -> Served:
        return start(self._slack, self._home, listen=self._listen[which])

    def next_address(self) -> str:
        """Round robin, as a load balancer that has not noticed yet."""
        return f"http://{self._listen[next(self._turn) % 2]}"

    def kill_and_restart_the_first(self) -> None:
        stop(self.served[0], signal.SIGKILL)
        time.sleep(0.5)
        self.served[0] = self._start(0)

    def stop(self) -> None:
        for served in self.served:
            stop(served)


@contextmanager
def noise(replicas: Replicas) -> Iterator[None]:
    """Strangers who send rubbish all the time."""
    over = threading.Event()

    def rubbish() -> None:
        with httpx.Client(timeout=5, trust_env=False) as client:
            while not over.wait(0.01):
                try:
                    client.post(f"{replicas.next_address()}/slack/interactions", content=b"payload=" + b"x" * 20_000)
                    client.get(f"{replicas.next_address()}/nowhere")
                except httpx.HTTPError:
                    continue

    threads = [threading.Thread(target=rubbish, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


class Tries(NamedTuple):
    """One person's press, and what it took."""

    seconds: float  # of the answer that came
    unanswered: int  # tries that a dead replica did not answer
    refused: tuple[int, ...]  # answers at which Slack would have shown an error


def press(here: Stage, replicas: Replicas, user: str) -> Tries:
    """Press until Slack would show no error, as a person does."""
    unanswered, refused = 0, []
    for _ in range(60):
        payload = here.slack.payload(here.message(), user, "gate_approve")
        began = time.monotonic()
        try:
            status = send(replicas.next_address(), payload).status_code
            if status == httpx.codes.OK:
                return Tries(time.monotonic() - began, unanswered, tuple(refused))
            refused.append(status)
        except httpx.TimeoutException:
            refused.append(408)  # longer than any person waits
        except httpx.TransportError:
            unanswered += 1
            time.sleep(0.2)
    raise AssertionError(f"{user} pressed in vain")


@pytest.mark.long("PRESSES", "make presses")
@pytest.mark.timeout(1800)
def test_every_honest_press_counts_exactly_once(tmp_path: Path):
    (tmp_path / "gate.toml").write_text(policy_text())
    policy = Policy.model_validate(tomllib.loads(policy_text()))
    users = [f"U{n:04}" for n in range(PEOPLE)]
    tries: list[Tries] = []
    with workspace() as slack:
        for user in users:
            slack.member(user)
        settings = slack_settings(slack, tmp_path / "store")
        here = Stage(slack, settings, store_of(settings), policy)
        replicas = Replicas(slack, tmp_path)
        try:
            with noise(replicas), ThreadPoolExecutor(PEOPLE) as crowd:
                for number in range(RELEASES):
                    record = here.ask()
                    message = here.message()
                    answers = crowd.map(lambda user: press(here, replicas, user), users)
                    if number in KILLED_IN:
                        replicas.kill_and_restart_the_first()
                    tries += list(answers)
                    wait_until(lambda: len(here.decisions()) == PEOPLE, "every press", 30)
                    assert sorted(d.body["identity"] for d in here.decisions()) == users
                    wait_until(lambda message=message: not message.buttons, "the buttons to go", 30)  # type: ignore[misc]
                    record.refresh()
                    here.end(record)
                shown = "all messages to be without buttons, whichever replica wrote last"
                wait_until(lambda: not any(m.buttons for m in slack.top()), shown, 30)
        finally:
            replicas.stop()
        assert len(slack.top()) == RELEASES
    assert len(tries) == RELEASES * PEOPLE
    assert [one.refused for one in tries if one.refused] == []
    ordered = sorted(one.seconds for one in tries)
    median, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99) - 1]
    unanswered = sum(one.unanswered for one in tries)
    print(f"{unanswered} tries met a dead replica")
    print(f"{len(ordered)} presses: median {median:.3f} s, p99 {p99:.3f} s, slowest {ordered[-1]:.3f} s")
    assert p99 < P99_SECONDS
