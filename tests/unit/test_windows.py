"""Weekly deployment windows: edges, nights, time zones and the two changes of clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Window
from tasks.gate.errors import ConfigurationError
from tasks.gate.windows import WindowStanding, describe, is_open, next_change, window_standing

OFFICE = Window(days=("mon", "tue", "wed", "thu"), start="09:00", end="16:00", time_zone="Europe/Berlin")
NIGHT = Window(days=("fri",), start="22:00", end="04:00", time_zone="UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_a_window_a_release_may_be_applied_at_any_time() -> None:
    assert is_open((), at("2026-03-29T01:30"))
    assert next_change((), at("2026-03-29T01:30")) is None
    assert window_standing((), at("2026-03-29T01:30")).sentence == "open at any time, because none is set"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-05T07:59", False),  # Monday, 08:59 in Berlin in winter
        ("2026-01-05T08:00", True),
        ("2026-01-05T14:59", True),
        ("2026-01-05T15:00", False),
        ("2026-07-06T06:59", False),  # Monday, 08:59 in Berlin in summer
        ("2026-07-06T07:00", True),
        ("2026-07-06T14:00", False),
        ("2026-07-10T08:00", False),  # Friday
    ],
)
def test_a_window_follows_the_wall_clock_of_its_time_zone_through_summer_time(moment: str, *, expected: bool) -> None:
    assert is_open((OFFICE,), at(moment)) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-27T21:59", False),  # Friday
        ("2026-11-27T22:00", True),
        ("2026-11-28T03:59", True),  # Saturday morning still belongs to Friday
        ("2026-11-28T04:00", False),
        ("2026-11-28T22:30", False),
        ("2026-11-27T03:00", False),  # the night before belongs to Thursday
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts(moment: str, *, expected: bool) -> None:
    assert is_open((NIGHT,), at(moment)) is expected


def test_a_night_of_sunday_runs_into_monday() -> None:
    night = Window(days=("sun",), start="23:00", end="01:00")
    assert is_open((night,), at("2026-11-23T00:59"))
    assert not is_open((night,), at("2026-11-24T00:59"))


def test_the_hour_that_does_not_exist_in_spring_opens_nothing() -> None:
    gap = Window(days=("sun",), start="02:00", end="03:00", time_zone="Europe/Berlin")
    day = at("2026-03-29T00:00")
    assert not any(is_open((gap,), day + timedelta(minutes=m)) for m in range(24 * 60))


def test_the_hour_that_comes_twice_in_autumn_is_open_twice() -> None:
    twice = Window(days=("sun",), start="02:00", end="03:00", time_zone="Europe/Berlin")
    day = at("2026-10-25T00:00")
    assert sum(is_open((twice,), day + timedelta(minutes=m)) for m in range(24 * 60)) == 120


def test_a_window_that_starts_inside_the_missing_hour_opens_when_the_clock_jumps_over_it() -> None:
    window = Window(days=("sun",), start="02:30", end="05:00", time_zone="Europe/Berlin")
    assert next_change((window,), at("2026-03-29T00:00")) == at("2026-03-29T01:00")  # 03:00 in Berlin


def test_the_whole_day_ends_at_midnight_and_every_day_has_no_change() -> None:
    always = Window()
    assert is_open((always,), at("2026-11-23T23:59"))
    assert next_change((always,), at("2026-11-23T23:59")) is None
    assert window_standing((always,), at("2026-11-23T23:59")).sentence == "always open"


def test_an_open_window_says_until_when_and_a_closed_one_when_it_opens() -> None:
    now_open, now_closed = at("2026-01-05T10:00:30"), at("2026-01-08T15:00")
    assert window_standing((OFFICE,), now_open) == WindowStanding(
        open=True, sentence="open until Mon 2026-01-05 16:00 Europe/Berlin"
    )
    assert window_standing((OFFICE,), now_closed) == WindowStanding(
        open=False, sentence="it opens on Mon 2026-01-12 09:00 Europe/Berlin"
    )


def test_two_windows_that_touch_are_one() -> None:
    morning, evening = Window(days=("mon",), end="12:00"), Window(days=("mon",), start="12:00")
    standing = window_standing((morning, evening), at("2026-11-23T01:00"))
    assert standing.sentence == "open until Tue 2026-11-24 00:00 UTC"


def test_an_unknown_time_zone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError) as refused:
        is_open((Window(time_zone="Europe/Berln"),), at("2026-11-23T01:00"))
    assert refused.value.message == "gate.toml names the time zone Europe/Berln, which does not exist here"
    assert refused.value.hint == "did you mean Europe/Berlin?"


@pytest.mark.parametrize("window", [Window(start="08:00", end="08:00"), Window(days=())])
def test_a_window_that_is_never_open_is_refused(window: Window) -> None:
    with pytest.raises(ConfigurationError) as refused:
        is_open((window,), at("2026-11-23T01:00"))
    assert refused.value.message == f"the deployment window {describe(window)} is never open"


@given(
    st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(1, 24),
)
def test_a_window_and_its_complement_are_never_open_together(
    moment: datetime, zone: str, hour: int, minute: int, length: int
) -> None:
    start, end = f"{hour:02}:{minute:02}", f"{(hour + length) % 24:02}:{(minute + 1) % 60:02}"
    if start == end:
        return
    window, rest = Window(start=start, end=end, time_zone=zone), Window(start=end, end=start, time_zone=zone)
    assert is_open((window,), moment) is not is_open((rest,), moment)
