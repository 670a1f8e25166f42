"""Windows and freezes together: until when, through summer time, and never a moment that is not open."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config.policy import Policy
from tasks.gate.opening import edges, opening
from tasks.gate.windows import is_open

HOLIDAYS = {"start": "2026-12-20", "end": "2027-01-02", "time_zone": "Europe/Berlin", "reason": "holidays"}
OFFICE = {"days": ["mon", "tue", "wed", "thu"], "start": "09:00", "end": "16:00", "time_zone": "Europe/Berlin"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def policy(*freezes: dict[str, Any], windows: tuple[dict[str, Any], ...] = ()) -> Policy:
    return Policy.model_validate({"freeze": freezes, "window": windows})


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-12-19T22:59", True),  # Saturday 23:59 in Berlin
        ("2026-12-19T23:00", False),
        ("2027-01-02T22:59", False),  # the last day is frozen to its end
        ("2027-01-02T23:00", True),
    ],
)
def test_a_freeze_of_whole_days_holds_from_midnight_to_midnight_of_its_time_zone(moment: str, *, open_: bool) -> None:
    assert opening(policy(HOLIDAYS), at(moment)).open is open_


def test_a_freeze_says_why_and_when_the_window_opens_after_it() -> None:
    found = opening(policy(HOLIDAYS, windows=(OFFICE,)), at("2026-12-25T12:00"))
    assert found.sentence == (
        "frozen until Sun 2027-01-03 00:00 Europe/Berlin (holidays); it opens on Mon 2027-01-04 09:00 Europe/Berlin"
    )
    assert found.opens_at == at("2027-01-04T08:00")


def test_an_open_window_says_that_a_freeze_ends_it_first() -> None:
    found = opening(policy(HOLIDAYS), at("2026-12-19T12:00"))
    assert found.sentence == "open until Sun 2026-12-20 00:00 Europe/Berlin, when a freeze begins (holidays)"


def test_a_window_that_opens_into_a_freeze_stays_closed() -> None:
    found = opening(policy(HOLIDAYS, windows=({"days": ["mon"]},)), at("2026-12-19T12:00"))
    assert (found.open, found.opens_at) == (False, at("2027-01-04T00:00"))
    assert found.sentence == (
        "it opens on Mon 2026-12-21 00:00 UTC, and stays closed until Mon 2027-01-04 00:00 UTC for holidays"
    )


def test_two_freezes_that_overlap_are_one() -> None:
    more = HOLIDAYS | {"start": "2027-01-01T08:00", "end": "2027-01-05T12:00", "reason": "stocktaking"}
    assert opening(policy(HOLIDAYS, more), at("2026-12-31T00:00")).opens_at == at("2027-01-05T11:00")


def test_the_hour_that_comes_twice_is_frozen_both_times() -> None:
    twice = {"start": "2026-10-25T02:30", "end": "2026-10-25T02:45", "time_zone": "Europe/Berlin", "reason": "x"}
    assert edges(policy(twice).freeze[0]) == (at("2026-10-25T00:30"), at("2026-10-25T01:45"))


def test_a_window_that_never_opens_has_no_moment() -> None:
    gap = {"days": ["sun"], "start": "02:00", "end": "02:01", "time_zone": "Europe/Berlin"}
    year = HOLIDAYS | {"start": "2026-03-30", "end": "2027-03-29"}
    assert opening(policy(year, windows=(gap,)), at("2026-03-23T12:00")).opens_at is None


@pytest.mark.parametrize(
    ("freeze", "sentence"),
    [
        ({"start": "2026-12-20T10:00:00+01:00", "end": "2026-12-21"}, "without an offset"),
        ({"start": "2026-12-21", "end": "2026-12-20"}, "runs from 2026-12-21 to 2026-12-20"),
        ({"start": "2026-12-20T10:00", "end": "2026-12-20T10:00"}, "a freeze ends after it starts"),
    ],
)
def test_a_freeze_that_nobody_can_mean_is_refused(freeze: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        policy({**freeze, "reason": "x"})


@settings(max_examples=30, deadline=None)  # each looks through a week of minutes
@given(
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 4000),
    st.integers(1, 30 * 24),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_the_moment_that_is_named_is_open_and_nothing_before_it_is(
    moment: datetime, begins: int, hours: int, zone: str
) -> None:
    start = (moment - timedelta(hours=begins % hours)).replace(tzinfo=None)
    end = start + timedelta(hours=hours)
    frozen = {"start": start.isoformat(), "end": end.isoformat(), "time_zone": zone, "reason": "x"}
    rules = policy(frozen, windows=(OFFICE,))
    found = opening(rules, moment)
    if found.open:
        assert found.opens_at is None
        return
    assert found.opens_at is not None
    first, last = edges(rules.freeze[0])
    assert is_open(rules.window, found.opens_at)
    assert not first <= found.opens_at < last
    span = (found.opens_at - moment).total_seconds()
    for part in range(1, 12):  # a sample of the moments before
        before = moment + timedelta(seconds=span * part / 12.1)
        assert first <= before < last or not is_open(rules.window, before)
