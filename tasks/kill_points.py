"""Named points at which a process can be made to die or to meet a defect, so that the tests prove what follows.

Nothing happens unless the variable GATE_KILL_AT names the point. `swap:before-rename` dies when the point is reached
for the first time, `swap:before-rename#3` at the third. GATE_DEFECT_AT names points, with commas between them, at which
an error is raised that nobody foresees, each time.
"""

import os
import signal
from collections import Counter

VARIABLE = "GATE_KILL_AT"
DEFECT = "GATE_DEFECT_AT"

_reached: Counter[str] = Counter()


class Careless(Exception):
    """A defect as bad as it can be: its text holds every variable of the process, and so every secret."""


def reached(point: str) -> None:
    """End this process with SIGKILL, as a crash would, when GATE_KILL_AT names this point.

    Args:
        point: step and moment, for example `swap:before-rename`.

    Raises:
        Careless: GATE_DEFECT_AT names it.
    """
    if point in os.environ.get(DEFECT, "").split(","):
        raise Careless(dict(os.environ))
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, count = wanted.partition("#")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
