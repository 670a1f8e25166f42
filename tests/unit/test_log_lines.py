"""Log lines of `gate serve` are one JSON object each where a machine reads them."""

import json
import logging
from collections.abc import Iterator

import pytest

from flows.web.log_lines import log_to_standard_error


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    gate = logging.getLogger("gate")
    before = (gate.handlers, gate.level, gate.propagate)
    yield
    gate.handlers, gate.level, gate.propagate = before


def test_a_line_says_when_what_and_about_which_release(capsys: pytest.CaptureFixture[str]):
    log_to_standard_error(as_json=True)
    log_to_standard_error(as_json=True)  # once more after Prefect set its own
    logging.getLogger("gate.web").info("the ask is in %s", "Slack", extra={"release": "20261123-1"})
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("at").endswith("+00:00")
    assert said == {
        "level": "info",
        "logger": "gate.web",
        "sentence": "the ask is in Slack",
        "release": "20261123-1",
    }


def test_libraries_that_log_addresses_are_quiet(capsys: pytest.CaptureFixture[str]):
    log_to_standard_error(as_json=False)
    logging.getLogger("httpx").info("HTTP Request: POST https://hooks.slack.com/secret")
    assert capsys.readouterr().err == ""
