"""An application that reads while its table is altered, with a long transaction in the way: nobody waits for long.

`make readers` reads two hundred times a second and measures how long each read took.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.apply_attempt import ApplyFailed
from tasks.apply_plan import apply_plan
from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.plan import Plan
from tasks.release import Release
from tests.integration.releasing import ADD_COLUMN, NOT_REHEARSED, Shop, open_shop

RATE = 200.0  # reads a second, of all readers
READERS = 8
LOCK_TIMEOUT_MS = 500
POLICY = {"apply": {"lock_timeout_ms": LOCK_TIMEOUT_MS, "attempts": 4, "max_wait_seconds": 40}}

pytestmark = pytest.mark.long("READERS", "make readers")


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


class Reading:
    """What the readers saw."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.stop = threading.Event()

    def read(self, url: SecretStr) -> None:
        """One of the readers, at its share of the rate."""
        with postgres.connect(url, purpose="application", lock_timeout_ms=0) as connection:
            due = time.monotonic()
            while not self.stop.is_set():
                began = time.monotonic()
                connection.execute("select count(*) from orders where customer = 7")
                self.waits.append(time.monotonic() - began)
                due += READERS / RATE
                time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def readers(url: SecretStr) -> Iterator[Reading]:
    reading = Reading()
    threads = [threading.Thread(target=reading.read, args=[url]) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        yield reading
    finally:
        reading.stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def long_transaction(url: SecretStr, seconds: float) -> Iterator[None]:
    """Somebody who holds the table for a while, as a report does."""
    with postgres.connect(url, purpose="nightly report", idle_timeout_ms=0) as session:
        session.execute("begin; select count(*) from orders")
        timer = threading.Timer(seconds, lambda: session.execute("rollback"))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def applied_or_not(release: Release, plan: Plan) -> str:
    try:
        return f"applied: {apply_plan(release, plan, NOT_REHEARSED).sentence}"
    except ApplyFailed as failure:
        return f"halted: {failure.message}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("held", "ends"), [(9.0, "applied"), (60.0, "halted")])
def test_no_reader_waits_longer_than_the_lock_timeout_and_the_release_ends_in_its_bounds(
    shop: Shop, held: float, ends: str
) -> None:
    plan = shop.plan(ADD_COLUMN)
    release = shop.release(plan, policy=POLICY)
    with long_transaction(shop.url, held), readers(shop.url) as reading:
        began = time.monotonic()
        said = applied_or_not(release, plan)
        took = time.monotonic() - began
        reading.stop.set()
    longest, rate = max(reading.waits), len(reading.waits) / (took + 1)
    print(
        f"in {took:.1f} s: {said}\n{len(reading.waits)} reads, {rate:.0f} a second; "
        f"the longest took {longest * 1000:.0f} ms, lock_timeout is {LOCK_TIMEOUT_MS} ms"
    )
    assert said.startswith(ends)
    assert "attempt" in said
    assert ends == "applied" or ("gave up after" in said and "nightly report" in said)
    assert took <= 40 + LOCK_TIMEOUT_MS / 1000 + 5
    assert longest <= (LOCK_TIMEOUT_MS + 100) / 1000
