"""Slack's documented limits of a message, and how one reads: what a person sees, and which error a bad one gets."""

import html
import re
from collections.abc import Iterator
from typing import Any


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def refused_blocks(given: dict[str, Any]) -> str:
    """The error that Slack answers; empty when the message is good."""
    if not given.get("text") and not given.get("blocks"):
        return "no_text"
    if units(given.get("text", "")) > 4000:
        return "msg_too_long"
    blocks = given.get("blocks") or []
    if len(blocks) > 50:
        return "invalid_blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)) or any(not 0 < units(i) <= 255 for i in ids):
        return "invalid_blocks"
    return "" if all(_good(block) for block in blocks) else "invalid_blocks"


def _good(block: dict[str, Any]) -> bool:
    kind = block["type"]
    if kind == "header":
        return block["text"]["type"] == "plain_text" and _fits(block["text"], 150)
    if kind == "section":
        fields = block.get("fields", [])
        if len(fields) > 10 or not ("text" in block or fields):
            return False
        return all(_fits(f, 2000) for f in fields) and ("text" not in block or _fits(block["text"], 3000))
    if kind == "context":
        return 0 < len(block["elements"]) <= 10 and all(_fits(e, 3000) for e in block["elements"])
    if kind == "actions":
        return 0 < len(block["elements"]) <= 25 and all(_good_button(b) for b in block["elements"])
    return False


def _good_button(button: dict[str, Any]) -> bool:
    confirm = button.get("confirm")
    return (
        _fits(button["text"], 75)
        and units(button["value"]) <= 2000
        and units(button["action_id"]) <= 255
        and units(button.get("accessibility_label", "")) <= 75
        and (confirm is None or (_fits(confirm["title"], 100) and _fits(confirm["text"], 300)))
        and (confirm is None or (_fits(confirm["confirm"], 30) and _fits(confirm["deny"], 30)))
    )


def _fits(text: dict[str, Any], limit: int) -> bool:
    return text["type"] in ("plain_text", "mrkdwn") and 0 < units(text["text"]) <= limit


def as_read(blocks: list[dict[str, Any]]) -> str:
    """A message as a reader sees it, one line a line, without Slack's markup."""
    return "\n".join(line for block in blocks for line in _lines(block))


def _lines(block: dict[str, Any]) -> Iterator[str]:
    if block["type"] in ("header", "section") and "text" in block:
        yield _shown(block["text"])
    fields = block.get("fields", [])
    for label, value in zip(fields[::2], fields[1::2], strict=True):
        yield f"{_shown(label)}: {_shown(value)}"
    if block["type"] == "context":
        yield from (_shown(element) for element in block["elements"])
    if block["type"] == "actions":
        yield " ".join(f"[{_shown(button['text'])}]" for button in block["elements"])


def _shown(text: dict[str, Any]) -> str:
    value = str(text["text"])
    if text["type"] == "mrkdwn":
        value = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"\1", value)
        value = re.sub(r"<(@\w+)>", r"\1", value)
        value = re.sub(r"<!subteam\^(\w+)>", r"@group-\1", value)
        value = re.sub(r"[*`]", "", value)
    return html.unescape(value)
