"""Cuts Markdown of ours where it ends a block, so that what is left still reads, and says that it was cut."""

REST = "*The rest is too long for here: `gate diff` shows it.*"


def shortened(text: str, room: int) -> str:
    """The blocks that fit, and a sentence about the rest; never the half of a fold, of a table or of a code block.

    Args:
        text: made by `report_markdown`, so that outside of code a tag is one of ours.
        room: characters, the sentence included.
    """
    if len(text) <= room:
        return text
    safe = length = depth = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        length += len(line)
        if length > room - len(REST):
            break
        if fence:
            fence = "" if bare == fence else fence
        elif bare.startswith("```"):
            fence = bare[: len(bare) - len(bare.lstrip("`"))]
        else:
            depth += line.count("<details>") - line.count("</details>")
            if not bare and not depth:
                safe = length
    return f"{text[:safe]}{REST}"
