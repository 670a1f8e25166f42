"""Named points at which a process can be made to die, so that the tests prove what follows a crash.

Nothing happens unless the variable GATE_KILL_AT names the point. `swap:before-rename` dies when the point is reached
for the first time, `swap:before-rename#3` at the third.
"""

import os
import signal
from collections import Counter

VARIABLE = "GATE_KILL_AT"

_reached: Counter[str] = Counter()


def reached(point: str) -> None:
    """End this process with SIGKILL, as a crash would, when GATE_KILL_AT names this point.

    Args:
        point: step and moment, for example `swap:before-rename`.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, count = wanted.partition("#")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
