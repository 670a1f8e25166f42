"""Whether windows and freezes together let a release begin at a moment, and when they will."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from config.policy import Freeze, Policy
from tasks.gate.model import Model
from tasks.gate.windows import is_open, local_time, next_change, window_standing, zone

LOOKS = 1000  # windows and freezes in turn; each look goes on to a later moment


class Opening(Model):
    """Whether a release may begin; the sentence goes after "the deployment window is" or "is closed:"."""

    open: bool
    sentence: str
    opens_at: datetime | None = None  # the first moment at which it may; None when it may now, or never


def opening(policy: Policy, moment: datetime) -> Opening:
    """Whether a release may begin at `moment`, in words, and when that will be.

    Raises:
        ConfigurationError: an unknown time zone, or a window that is never open.
    """
    standing, frozen = window_standing(policy.window, moment), _longest(policy.freeze, moment)
    if standing.open and frozen is None:
        return Opening(open=True, sentence=_and_then(policy, moment, standing.sentence))
    opens_at = _first_opening(policy, moment)
    if frozen is None:
        again = _longest(policy.freeze, next_change(policy.window, moment) or moment)
        later = f", and stays closed until {_said(policy, opens_at)} for {again.reason}" if again else ""
        return Opening(open=False, sentence=standing.sentence + later, opens_at=opens_at)
    until = edges(frozen)[1]
    sentence = f"frozen until {local_time(until, frozen.time_zone)} ({frozen.reason})"
    if opens_at is None or opens_at > until:
        sentence += f"; it opens on {_said(policy, opens_at)}" if opens_at else "; it does not open after that either"
    return Opening(open=False, sentence=sentence, opens_at=opens_at)


def edges(freeze: Freeze) -> tuple[datetime, datetime]:
    """When a freeze begins and ends, in UTC.

    Where the clocks go back and a local time comes twice, it begins at the first and ends at the second.
    """
    here = zone(freeze.time_zone)
    end = freeze.end if isinstance(freeze.end, datetime) else _midnight(freeze.end + timedelta(days=1))
    start = freeze.start if isinstance(freeze.start, datetime) else _midnight(freeze.start)
    return start.replace(tzinfo=here, fold=0).astimezone(UTC), end.replace(tzinfo=here, fold=1).astimezone(UTC)


def describe_freeze(freeze: Freeze) -> str:
    """A freeze in one line: `frozen 2026-12-20 to 2027-01-02 Europe/Berlin: holidays`."""
    return f"frozen {freeze.start} to {freeze.end} {freeze.time_zone}: {freeze.reason}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _longest(freezes: Sequence[Freeze], moment: datetime) -> Freeze | None:
    """Of the freezes that hold at a moment the one that ends last."""
    holding = [f for f in freezes if edges(f)[0] <= moment < edges(f)[1]]
    return max(holding, key=lambda freeze: edges(freeze)[1], default=None)


def _first_opening(policy: Policy, moment: datetime) -> datetime | None:
    at: datetime | None = moment
    for _ in range(LOOKS):
        if at is None:
            return None
        if (frozen := _longest(policy.freeze, at)) is not None:
            at = edges(frozen)[1]
        elif not is_open(policy.window, at):
            at = next_change(policy.window, at)
        else:
            return at
    return None


def _and_then(policy: Policy, moment: datetime, sentence: str) -> str:
    """What is open, with the freeze that will end that before the window does."""
    closes = next_change(policy.window, moment)
    begins = sorted((edges(f)[0], f.reason) for f in policy.freeze if edges(f)[0] > moment)
    if not begins or (closes is not None and closes <= begins[0][0]):
        return sentence
    at, reason = begins[0]
    return f"open until {_said(policy, at)}, when a freeze begins ({reason})"


def _said(policy: Policy, moment: datetime | None) -> str:
    if moment is None:
        return "nobody knows when"
    zones = [w.time_zone for w in policy.window] + [f.time_zone for f in policy.freeze]
    return local_time(moment, zones[0])
