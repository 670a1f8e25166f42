"""The ladder of attempts: rests long enough for the others, comes back apart, and never without a bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.retry import Ladder, pause_after

LADDER = Ladder(lock_timeout_ms=2000, attempts=8, max_wait_seconds=600)


def test_the_rest_is_more_than_ten_times_the_lock_timeout():
    assert pause_after(LADDER, 1, 0, 0.0) == 21.0
    assert pause_after(LADDER, 1, 0, 1.0) == 30.0


def test_the_rests_grow():
    pauses = [pause_after(LADDER, attempt, 0, 0.5) for attempt in range(1, 8)]
    assert pauses == sorted(pauses)
    assert pauses[0] != pauses[-1]


def test_there_is_no_attempt_after_the_last_one():
    assert pause_after(LADDER, 8, 0, 0.5) is None


@pytest.mark.parametrize("elapsed", [578, 600, 10_000])
def test_there_is_no_attempt_that_would_end_after_the_bound(elapsed: float):
    assert pause_after(LADDER, 1, elapsed, 0.5) is None


@given(
    st.integers(50, 60_000),
    st.integers(1, 50),
    st.floats(0.1, 5000),
    st.lists(st.floats(0, 1), min_size=50, max_size=50),
)
def test_all_attempts_and_rests_stay_within_the_bound(timeout: int, attempts: int, bound: float, jitter: list[float]):
    ladder = Ladder(lock_timeout_ms=timeout, attempts=attempts, max_wait_seconds=bound)
    elapsed, made = 0.0, 0
    while True:
        made += 1
        elapsed += timeout / 1000  # each attempt waits as long as it may
        pause = pause_after(ladder, made, elapsed, jitter[made - 1])
        if pause is None:
            break
        assert pause > 10 * timeout / 1000
        elapsed += pause
    assert made <= attempts
    assert made == 1 or elapsed <= bound + 1e-6
