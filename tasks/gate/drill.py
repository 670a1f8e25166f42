"""What a drill found out: whether the newest backup still restores, and how long the way back would take today."""

from tasks.gate.model import Model
from tasks.gate.wording import duration


class Drill(Model):
    """One drill, as it is stored."""

    target: str
    at: str  # UTC, ISO 8601: when it ended
    held: bool
    sentence: str
    hint: str = ""  # what to do now; empty when it held
    backup: str = ""  # which one was restored; empty when there was none
    seconds: float = 0.0  # from the first byte that was read to the last comparison


def drill_markdown(drill: Drill) -> str:
    """The outcome for a page that shows Markdown."""
    rows = [
        ("backup", f"`{drill.backup}`" if drill.backup else "none"),
        ("ended", f"{drill.at[:19].replace('T', ' ')} UTC"),
        ("took", duration(drill.seconds)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    hint = f"\n\n**Now:** {drill.hint}" if drill.hint else ""
    verdict = "The way back holds" if drill.held else "The way back does NOT hold"
    return f"## {verdict}\n\n{drill.sentence}{hint}\n\n| | |\n|---|---|\n{table}\n"
