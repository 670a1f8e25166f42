"""SIGTERM within a block is Ctrl-C, so that everything is cleaned up; outside it keeps the meaning that it had."""

import os
import signal
from collections.abc import Iterator

import pytest

from tasks.interruption import interrupt_on_sigterm


class Cancelled(BaseException):
    """What an engine raises to cancel a run."""


@pytest.fixture
def engine() -> Iterator[None]:
    def cancel(*_: object) -> None:
        raise Cancelled

    before = signal.signal(signal.SIGTERM, cancel)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("engine")
def test_the_engine_that_gave_sigterm_a_meaning_hears_of_it_after_the_cleaning_up():
    seen: list[type[BaseException]] = []
    with pytest.raises(Cancelled):
        _stopped_in_a_block(seen)
    assert seen == [KeyboardInterrupt]
    with pytest.raises(Cancelled):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("engine")
def test_a_ctrl_c_stays_one():
    with pytest.raises(KeyboardInterrupt), interrupt_on_sigterm():
        raise KeyboardInterrupt


def _stopped_in_a_block(seen: list[type[BaseException]]) -> None:
    with interrupt_on_sigterm(), interrupt_on_sigterm():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as inside:
            seen.append(type(inside))
            raise
