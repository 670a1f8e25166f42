"""Figures in plain words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate import wording


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (13_400_000, "13.4 MB"),
        (99_960_000, "100 MB"),
        (999_499_999, "999 MB"),
        (999_999_999, "1.0 GB"),
        (54_321_000_000_000, "54.3 TB"),
        (-8_200, "-8.2 kB"),
    ],
)
def test_bytes_are_said_with_three_digits_at_most(number: int, expected: str) -> None:
    assert wording.size(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.0004, "under 1 ms"),
        (0.0042, "4 ms"),
        (0.0991, "99 ms"),
        (0.0996, "0.1 s"),
        (1.84, "1.8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3599.7, "1 h"),
        (3780, "1 h 3 min"),
        (86_399, "24 h"),
        (90_000, "1 day 1 h"),
        (187_200, "2 days 4 h"),
        (-1.84, "-1.8 s"),
    ],
)
def test_durations_are_said_in_the_two_units_that_matter(seconds: float, expected: str) -> None:
    assert wording.duration(seconds) == expected


@given(st.floats(min_value=0, max_value=10_000_000))
def test_a_duration_never_shows_sixty_of_anything(seconds: float) -> None:
    text = wording.duration(seconds)
    assert "60 s" not in text.split(" min ")[-1] or " min" not in text
    assert not text.startswith(("60 s", "60 min"))


@given(st.integers(min_value=0, max_value=10**17))
def test_a_size_never_shows_a_thousand_of_a_unit(number: int) -> None:
    assert not wording.size(number).startswith(("1000", "1,000 k", "1,000 M", "1,000 G", "1,000 T"))


def test_counts_know_their_plural() -> None:
    assert wording.count(1, "row") == "1 row"
    assert wording.count(0, "row") == "0 rows"
    assert wording.count(200_000, "row") == "200,000 rows"
    assert wording.count(2, "index") == "2 indexes"
    assert wording.count(3, "large object") == "3 large objects"
    assert wording.count(2, "pending entry") == "2 pending entries"
    assert wording.count(2, "hash") == "2 hashes"


def test_a_long_list_says_how_many_were_left_out() -> None:
    assert wording.listing([]) == "none"
    assert wording.listing(["a"]) == "a"
    assert wording.listing(["a", "b"]) == "a and b"
    assert wording.listing(["a", "b", "c"], limit=3) == "a, b and c"
    assert wording.listing([str(i) for i in range(15)], limit=3) == "0, 1, 2 and 12 more"


def test_a_cut_text_shows_that_it_was_cut() -> None:
    assert wording.cut("short", 10) == "short"
    assert wording.cut("a rather long text", 9) == "a rather…"
    assert len(wording.cut("x" * 100, 20)) == 20


def test_a_message_becomes_a_sentence() -> None:
    assert wording.sentence("production answered late") == "Production answered late."
    assert wording.sentence("is it well?") == "Is it well?"
    assert wording.sentence("0003_names.sql was edited after it ran") == "0003_names.sql was edited after it ran."
    assert wording.sentence("pg_dump stopped") == "pg_dump stopped."
    assert wording.sentence("  ") == ""


def test_moments_are_said_in_utc_and_nonsense_stays_as_it_is() -> None:
    assert wording.moment("2026-11-23T15:05:09.123456+01:00") == "2026-11-23 14:05:09 UTC"
    assert wording.moment("2026-11-23T15:05:09") == "2026-11-23 15:05:09 UTC"
    assert wording.moment(datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)) == "2026-11-23 14:05:09 UTC"
    assert wording.moment("yesterday") == "yesterday"
    assert wording.clock("2026-11-23T15:05:09.123456+01:00") == "14:05:09 UTC"
    assert wording.clock("yesterday") == "yesterday"


def test_time_between_two_moments_is_in_seconds() -> None:
    assert wording.between("2026-11-23T15:00:00+00:00", "2026-11-23T16:00:01.5+01:00") == 1.5
    assert wording.between("soon", "2026-11-23T16:00:01") is None


def test_rates_and_changes_of_size() -> None:
    assert wording.rate(10_000_000, 2) == "5.0 MB/s"
    assert wording.rate(10, 0) == ""
    assert wording.signed_size(0) == "0"
    assert wording.signed_size(13_400_000) == "+13.4 MB"
    assert wording.signed_size(-8_192) == "-8.2 kB"
