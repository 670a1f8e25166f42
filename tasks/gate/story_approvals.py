"""How many approvals a release still needs, counted from its events alone, whatever their bodies hold."""

from collections.abc import Mapping
from typing import Any

from tasks.gate.approval import GLASS_BREAKERS
from tasks.gate.story_sentences import text
from tasks.gate.wording import count


class Answers:
    """The yeses to one request, by different people; the record let nobody count twice."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        needed = asked.get("required")
        self._needed = needed if isinstance(needed, int) and needed > 0 else 1
        self._ordinary: set[str] = set()
        self._emergency: set[str] = set()

    def missing_after(self, approved: Mapping[str, Any]) -> str:
        """Take one more yes; what is still missing in words, empty when it is enough."""
        (self._emergency if approved.get("break_glass") is True else self._ordinary).add(text(approved, "who"))
        missing = self._needed - len(self._ordinary)
        if missing <= 0 or len(self._emergency) >= GLASS_BREAKERS:
            return ""
        if approved.get("break_glass") is True:
            missing = min(missing, GLASS_BREAKERS - len(self._emergency))
        return f"{count(missing, 'more approval')} {'is' if missing == 1 else 'are'} missing"
