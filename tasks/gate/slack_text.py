"""Text for Slack from what strangers named: escaped, without hidden characters, and cut only with a word about it."""

from collections.abc import Sequence

from tasks.gate.report_text import clean, left_out

HEADER, FIELD, SECTION, CONTEXT = 150, 2000, 3000, 3000  # Slack's limits, in UTF-16 units
TEXT = 4000  # a longer top-level text is posted, but can never be updated again
BLOCKS = 50
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON, BUTTON = 100, 300, 30, 75
MODAL_TITLE = 24
ELLIPSIS = "…"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # with these, no mention, link or command can be written


def units(text: str) -> int:
    """Length as JavaScript and Slack count it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def safe(text: str) -> str:
    """One line, escaped; hidden and direction-changing characters show as the replacement character."""
    return "".join(_ENTITIES.get(c, c) for c in " ".join(clean(text).split()))


def fit(text: str, limit: int) -> str:
    """`safe` text of at most `limit` units; what was cut shows as an ellipsis, and no entity is cut in two."""
    whole = safe(text)
    if units(whole) <= limit:
        return whole
    kept: list[str] = []
    room = limit - units(ELLIPSIS)
    for character in " ".join(clean(text).split()):
        piece = _ENTITIES.get(character, character)
        room -= units(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def fit_lines(lines: Sequence[str], limit: int, *, noun: str, most: int, line_limit: int) -> str:
    """As many lines as there is room for, each `fit`; how many are left out is said in the last one.

    Args:
        lines: as they came.
        limit: units of the whole.
        noun: what a line stands for, for the words.
        most: lines at most.
        line_limit: units of one line at most.
    """
    shown = [fit(line, line_limit) for line in lines[:most]]
    while True:
        rest = len(lines) - len(shown)
        text = "\n".join([*shown, *([left_out(rest, noun)] if rest else [])])
        if units(text) <= limit or not shown:
            return text
        shown.pop()


def plain_text(text: str) -> dict[str, object]:
    """A text object that Slack shows as it is: no formatting, no emoji, no mention."""
    return {"type": "plain_text", "text": text or " ", "emoji": False}


def markup(text: str) -> dict[str, object]:
    """A text object with Slack's formatting: only for words of our own."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
