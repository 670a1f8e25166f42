"""What the Slack door remembers for a moment: which requests it has seen, and who presses too often."""

import threading
import time
from collections import OrderedDict, deque

REPLAY_SECONDS = 660.0  # longer than both sides of the window in which a signature is good
SIGNATURES = 50_000
PRESSES, PRESS_SECONDS = 20, 10.0
PEOPLE = 5_000


class Replays:
    """Signatures that were seen; the record is what makes a replay harmless, this only saves the work."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, signature: str) -> bool:
        """True once for each signature."""
        now = time.monotonic()
        with self._lock:
            while self._seen and (len(self._seen) > SIGNATURES or next(iter(self._seen.values())) < now):
                self._seen.popitem(last=False)
            if signature in self._seen:
                return False
            self._seen[signature] = now + REPLAY_SECONDS
            return True


class PressRate:
    """How often one person pressed lately; counted only for what Slack signed, so nobody can use up another's."""

    def __init__(self) -> None:
        """Nobody pressed."""
        self._presses: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allowed(self, user: str) -> bool:
        """False when somebody presses more often than a person can mean it."""
        now = time.monotonic()
        with self._lock:
            presses = self._presses.setdefault(user, deque())
            self._presses.move_to_end(user)
            while len(self._presses) > PEOPLE:
                self._presses.popitem(last=False)
            while presses and presses[0] < now - PRESS_SECONDS:
                presses.popleft()
            if len(presses) >= PRESSES:
                return False
            presses.append(now)
            return True
