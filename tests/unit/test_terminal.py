"""What a person sees while a release runs."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.terminal import Terminal, hanging

STEP = "  ✓ Recover                     0.4 s  "


def test_a_long_step_is_broken_below_where_its_sentence_began():
    lines = hanging(STEP + "one two three four five six", len(STEP) + 12).split("\n")
    assert lines[0] == STEP + "one two"
    assert lines[1].startswith(" " * len(STEP))
    assert lines[1].strip() == "three four"


def test_a_long_detail_keeps_its_indent():
    lines = hanging("      hazard: builds an index on orders", 24).split("\n")
    assert all(line.startswith("      ") for line in lines)


@given(st.text(alphabet="ab cd", min_size=1, max_size=200), st.integers(min_value=60, max_value=120))
def test_breaking_loses_no_word(text: str, width: int):
    assert hanging(STEP + text, width).split() == (STEP + text).split()


def test_what_goes_to_a_file_is_one_line_a_step_and_nothing_is_replaced():
    out = io.StringIO()
    shown = Terminal(out)
    shown.start("Back up")
    shown.progress("12 MB")
    shown.done("x" * 300)
    assert out.getvalue().count("\n") == 1
    assert "\r" not in out.getvalue()


def test_what_is_no_news_leaves_no_line_in_a_log(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.terminal.EVERY_SECONDS", 0.0)
    out = io.StringIO()
    shown = Terminal(out)
    shown.start("Ask")
    shown.progress("waiting", news=False)
    assert out.getvalue() == ""
    shown.progress("12 MB")
    assert out.getvalue() == "      12 MB\n"
