"""What a drill found out: whether the newest backup still restores, and how long the way back would take today."""

from tasks.gate.model import Model


class Drill(Model):
    """One drill, as it is stored."""

    target: str
    at: str  # UTC, ISO 8601: when it ended
    held: bool
    sentence: str
    hint: str = ""  # what to do now; empty when it held
    backup: str = ""  # which one was restored; empty when there was none
    seconds: float = 0.0  # from the first byte that was read to the last comparison
