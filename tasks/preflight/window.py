"""The deployment window is open."""

from tasks.gate.windows import describe, window_standing
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Surroundings


def ask(around: Surroundings) -> Answer:
    """Read the windows of gate.toml at this moment; the apply asks again."""
    windows = around.policy.window
    if not windows:
        return not_configured("no deployment window is set", hint="write [[window]] tables into gate.toml")
    standing = window_standing(windows, around.now)
    lines = [describe(w) for w in windows]
    if standing.open:
        return passed(f"the deployment window is {standing.sentence}", lines)
    return failed(f"the deployment window is closed; {standing.sentence}", lines, hint="come back when it is open")


CHECK = Check("window", "Deployment window open", ask)
