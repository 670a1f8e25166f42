"""Log lines of `gate serve`: plain for people, one JSON object a line for machines; never a body or a signature."""

import json
import logging
import sys
from datetime import UTC, datetime

QUIET = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "websockets")  # they log addresses, which may hold secrets


class JsonLines(logging.Formatter):
    """Time, level, logger, sentence, and the release it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "sentence": record.getMessage(),
        }
        if release := getattr(record, "release", ""):
            line["release"] = release
        return json.dumps(line, ensure_ascii=False)


def log_to_standard_error(*, as_json: bool) -> None:
    """Send log lines to standard error; to be called again once Prefect was imported, which sets its own."""
    lines = JsonLines() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(lines)
    gate = logging.getLogger("gate")
    gate.handlers = [handler]
    gate.setLevel(logging.INFO)
    gate.propagate = False
    if as_json:
        for other in logging.getLogger().handlers:
            other.setFormatter(lines)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
