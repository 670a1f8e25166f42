"""Whether the deployment window is open at a moment: weekly windows, read off the wall clock of their own time zone."""

import difflib
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from config.policy import Window
from tasks.gate.errors import ConfigurationError
from tasks.gate.model import Model

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE = timedelta(minutes=1)
HORIZON = timedelta(days=8)  # a weekly window changes within a week; a day more for the change to summer time


class WindowStanding(Model):
    """Whether a release may be applied now; the sentence goes after "the deployment window is" or "is closed:"."""

    open: bool
    sentence: str


def local_time(moment: datetime, time_zone: str) -> str:
    """A moment by the wall clock of a time zone: `Mon 2026-03-09 09:00 Europe/Berlin`."""
    local = moment.astimezone(zone(time_zone))
    return f"{DAYS[local.weekday()].capitalize()} {local:%Y-%m-%d %H:%M} {time_zone}"


def is_open(windows: Sequence[Window], moment: datetime) -> bool:
    """True when any window is open; without a window it always is.

    A window opens at `start` and closes just before `end` by the wall clock of its time zone, so it follows summer
    time: the hour that does not exist in spring is not there, and the hour that comes twice in autumn counts twice.
    A window whose end lies before its start runs over midnight and belongs to the day on which it starts.

    Args:
        windows: the `[[window]]` tables of gate.toml.
        moment: with a time zone.

    Raises:
        ConfigurationError: an unknown time zone, or a window that is never open.
    """
    answers = [_is_open(window, moment) for window in windows]  # all of them, so that each one is validated
    return not windows or any(answers)


def next_change(windows: Sequence[Window], moment: datetime) -> datetime | None:
    """The first minute after `moment` at which the answer of `is_open` changes, in UTC; None when it never does."""
    if not windows:
        return None
    now_open = is_open(windows, moment)
    # Minute by minute rather than by arithmetic on the edges: the only way that is right across a change of clocks.
    step = moment.astimezone(UTC).replace(second=0, microsecond=0)
    end = step + HORIZON
    while step < end:
        step += MINUTE
        if is_open(windows, step) is not now_open:
            return step
    return None


def window_standing(windows: Sequence[Window], moment: datetime) -> WindowStanding:
    """Whether the windows are open, and when that changes, in the first window's time zone.

    Raises:
        ConfigurationError: as `is_open`.
    """
    if not windows:
        return WindowStanding(open=True, sentence="open at any time, because none is set")
    now_open = is_open(windows, moment)
    change = next_change(windows, moment)
    if change is None:
        return WindowStanding(open=now_open, sentence="always open" if now_open else "never open")
    when = local_time(change, windows[0].time_zone)
    return WindowStanding(open=now_open, sentence=f"open until {when}" if now_open else f"it opens on {when}")


def describe(window: Window) -> str:
    """A window in one line: `mon, tue, wed 09:00-16:00 Europe/Berlin`."""
    return f"{', '.join(window.days)} {window.start}-{window.end} {window.time_zone}"


def _is_open(window: Window, moment: datetime) -> bool:
    start, end = _minutes(window.start), _minutes(window.end)
    if start == end or not window.days:
        raise ConfigurationError(
            f"the deployment window {describe(window)} is never open",
            hint="give it days, and an end that differs from its start; the whole day is 00:00 to 24:00",
        )
    local = moment.astimezone(zone(window.time_zone))
    minute = local.hour * 60 + local.minute
    today = DAYS[local.weekday()] in window.days
    if start < end:
        return today and start <= minute < end
    yesterday = DAYS[local.weekday() - 1] in window.days
    return (today and minute >= start) or (yesterday and minute < end)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        ConfigurationError: there is none; names the nearest.
    """
    if name.upper() == "UTC":
        return UTC  # also where the machine has no time zone database
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
        raise ConfigurationError(
            f"gate.toml names the time zone {name}, which does not exist here",
            hint=f"did you mean {close[0]}?"
            if close
            else "use an IANA name such as Europe/Berlin, or install the tzdata package"
            if not known
            else "use an IANA name such as Europe/Berlin",
        ) from None
