"""A defect is told by its kind and place; its text, or that of its causes, may be secret and is never told."""

import logging

from flows.defect import places, unexpected
from flows.web.log_lines import JsonLines, PlainLines


def careless() -> None:
    try:
        int("secret-one")
    except ValueError as error:
        raise RuntimeError("secret-two") from error


def caught() -> RuntimeError:
    try:
        careless()
    except RuntimeError as error:
        return error
    raise AssertionError


def test_the_sentence_names_kind_file_and_line():
    assert unexpected(caught()).message.startswith("a defect in Gate itself: RuntimeError at test_defect.py:")


def test_the_places_lead_to_the_cause_and_hold_no_text():
    told = places(caught())
    assert told.index("ValueError") < told.index("RuntimeError")
    assert 'test_defect.py", line' in told
    assert "invalid literal" not in told


def test_a_log_line_with_an_exception_holds_its_places_and_no_text():
    values: dict[str, str] = {}
    try:
        values["password-4711"]
    except KeyError as error:
        record = logging.LogRecord("gate", logging.ERROR, "", 0, "it broke", (), (KeyError, error, error.__traceback__))
    plain = PlainLines("%(levelname)s %(message)s").format(record)
    assert plain.startswith("ERROR it broke\n")
    assert plain.rstrip().endswith("KeyError")
    assert "it broke" in JsonLines().format(record)
