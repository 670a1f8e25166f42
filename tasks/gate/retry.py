"""How often to try again for a lock, and how long to leave the others alone in between."""

from tasks.gate.model import Model

# A queued DDL statement makes everybody behind it wait for up to lock_timeout; resting more than ten times as long
# keeps that outage below a tenth of the time (pgroll and GitLab pause with jitter for the same reason).
REST_AT_LEAST = 10.5
REST_AT_MOST = 15.0
GROWTH = 1.25


class Ladder(Model):
    """The bounds of all attempts together; there is no last attempt without a limit."""

    lock_timeout_ms: int
    attempts: int
    max_wait_seconds: float


def pause_after(ladder: Ladder, attempt: int, elapsed_seconds: float, jitter: float) -> float | None:
    """Seconds to pause before the next attempt, None when there must not be one.

    Args:
        ladder: the bounds.
        attempt: the attempt that just failed, from 1.
        elapsed_seconds: since the first attempt began.
        jitter: a number from 0 to 1, so that two who wait do not come back together.
    """
    if attempt >= ladder.attempts:
        return None
    lock_timeout = ladder.lock_timeout_ms / 1000
    rest = REST_AT_LEAST + (REST_AT_MOST - REST_AT_LEAST) * jitter
    pause = float(lock_timeout * rest * GROWTH ** (attempt - 1))
    remaining = ladder.max_wait_seconds - elapsed_seconds - lock_timeout
    shortest = lock_timeout * REST_AT_LEAST
    if remaining < shortest:
        return None
    return min(pause, remaining)
