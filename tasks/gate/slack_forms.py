"""The form that asks for the reason of a no, and what it says while and after the answer is recorded."""

from typing import Any

from tasks.gate.slack_press import REASON_ACTION, REASON_BLOCK, REASON_LENGTH, REJECT
from tasks.gate.slack_text import SECTION, fit, plain_text

SHORTEST_REASON = 3
ERROR = 300


def reject_form(binding_id: str, release: str, target: str) -> dict[str, Any]:
    """A modal with one field that must be filled in."""
    about = fit(f"Release {release} to target {target}. Production stays untouched.", SECTION)
    return {
        "type": "modal",
        "callback_id": REJECT,
        "private_metadata": binding_id,
        "title": plain_text("Reject the release"),
        "submit": plain_text("Reject"),
        "close": plain_text("Back"),
        "blocks": [
            {"type": "section", "text": plain_text(about)},
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "optional": False,
                "label": plain_text("Why? The person who started it reads this."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON_ACTION,
                    "multiline": True,
                    "min_length": SHORTEST_REASON,
                    "max_length": REASON_LENGTH,
                },
            },
        ],
    }


def said_form(sentence: str) -> dict[str, Any]:
    """A modal that only says something."""
    return {
        "type": "modal",
        "callback_id": "gate_said",
        "title": plain_text("Release gate"),
        "close": plain_text("Close"),
        "blocks": [{"type": "section", "text": plain_text(fit(sentence, SECTION))}],
    }


def error_below_the_reason(sentence: str) -> dict[str, Any]:
    """The answer to a form that keeps it open, with the sentence below its field."""
    return {"response_action": "errors", "errors": {REASON_BLOCK: fit(sentence, ERROR)}}


def instead_of_the_form(sentence: str) -> dict[str, Any]:
    """The answer to a form that shows a sentence in its place."""
    return {"response_action": "update", "view": said_form(sentence)}
