"""Log lines: plain for people, one JSON object a line for machines; never a body, a signature or a setting."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from flows.defect import places

QUIET = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "websockets")  # they log addresses, which may hold secrets


FIELDS = ("release", "target", "step", "seconds", "outcome")


class PlainLines(logging.Formatter):
    """Lines for people; of an exception the places, never its text, which may hold a secret."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Where it was raised."""
        return places(ei[1]) if ei[1] is not None else ""


class JsonLines(logging.Formatter):
    """Time, level, logger, sentence, and what it is about: release, target, step, duration and outcome."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "sentence": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, "")) != ""}
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_standard_error(*, as_json: bool) -> None:
    """Send log lines to standard error; to be called again once Prefect was imported, which sets its own."""
    lines = JsonLines() if as_json else PlainLines("%(asctime)s %(levelname)s %(message)s")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(lines)
    gate = logging.getLogger("gate")
    gate.handlers = [handler]
    gate.setLevel(logging.INFO)
    gate.propagate = False
    root = logging.getLogger()
    if not root.handlers:  # Python's own last resort shows the text of exceptions
        root.addHandler(logging.StreamHandler(sys.stderr))
    for other in root.handlers:
        other.setFormatter(lines if as_json else PlainLines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
