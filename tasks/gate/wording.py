"""Figures in plain words: bytes, durations, counts, moments and lists, the same in every place that shows them."""

from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
KILO = 1000
UNITS = ("kB", "MB", "GB", "TB", "PB")
WHOLE_FROM = 100  # "123 MB", but "12.3 MB": three digits say enough
TENTHS_FROM = 0.0995  # below it, seconds are said in milliseconds
TENTHS_TO = 9.95  # from here on, tenths say nothing

IRREGULAR = {"index": "indexes", "query": "queries", "entry": "entries", "copy": "copies", "try": "tries"}


def size(number: int) -> str:
    """A number of bytes, in powers of 1000 as disks and `ls --si` count: `812 bytes`, `13.4 MB`."""
    if abs(number) < KILO:
        return count(number, "byte")
    value = float(number)
    for unit in UNITS:
        value /= KILO
        if abs(value) < KILO - 0.5 or unit == UNITS[-1]:
            return f"{value:,.0f} {unit}" if abs(value) >= WHOLE_FROM - 0.05 else f"{value:.1f} {unit}"
    raise AssertionError("the last unit always answers")


def rate(number: int, seconds: float) -> str:
    """Bytes over seconds: `54.2 MB/s`; empty when no time passed."""
    return f"{size(round(number / seconds))}/s" if seconds > 0 else ""


def signed_size(number: int) -> str:
    """A change of size with its sign: `+13.4 MB`, `-8.2 kB`, `0`."""
    if number == 0:
        return "0"
    return ("+" if number > 0 else "-") + size(abs(number))


def duration(seconds: float) -> str:
    """A length of time: `4 ms`, `1.8 s`, `42 s`, `2 min 5 s`, `1 h 3 min`, `2 days 4 h`."""
    if seconds < 0:
        return "-" + duration(-seconds)
    return _short(seconds) if seconds < MINUTE - 0.5 else _long(round(seconds))


def _short(seconds: float) -> str:
    if seconds < TENTHS_FROM:
        return _milliseconds(seconds)
    return f"{seconds:.1f} s" if seconds < TENTHS_TO else f"{seconds:.0f} s"


def _long(whole: int) -> str:
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE, "s")
    if whole < DAY:
        minutes = round(whole / MINUTE)
        return _two(minutes // MINUTE, "h", minutes % MINUTE, "min")
    hours = round(whole / HOUR)
    return _two_days(hours // 24, hours % 24)


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * KILO
    if milliseconds == 0:
        return "0 ms"
    if milliseconds < 1:
        return "under 1 ms"
    return f"{milliseconds:.0f} ms"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def _two_days(days: int, hours: int) -> str:
    return f"{count(days, 'day')} {hours} h" if hours else count(days, "day")


def number(value: int) -> str:
    """A whole number with thousands set apart: `200,000`."""
    return f"{value:,}"


def plural(noun: str) -> str:
    """A noun for more than one; the last word of a phrase counts: `large object` becomes `large objects`."""
    head, _, last = noun.rpartition(" ")
    many = IRREGULAR.get(last) or (last + "es" if last.endswith(("s", "x", "ch", "sh")) else last + "s")
    return f"{head} {many}" if head else many


def count(value: int, noun: str) -> str:
    """A number and its noun: `1 row`, `0 rows`, `200,000 rows`."""
    return f"{value:,} {noun if abs(value) == 1 else plural(noun)}"


def listing(names: Sequence[str], *, limit: int = 5) -> str:
    """Names as one phrase, cut honestly: `a`, `a and b`, `a, b, c and 12 more`; `none` when empty."""
    if not names:
        return "none"
    if len(names) == 1:
        return names[0]
    if len(names) <= limit:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:limit])} and {number(len(names) - limit)} more"


def cut(text: str, length: int) -> str:
    """A text of at most `length` characters; what was cut shows as an ellipsis."""
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip() + "…"


def sentence(text: str) -> str:
    """The first letter large, a full stop at the end: what a message of an error becomes when it stands alone."""
    text = text.strip()
    if not text:
        return ""
    stopped = text if text[-1] in ".!?…" else text + "."
    first = stopped.split(maxsplit=1)[0]
    return stopped[0].upper() + stopped[1:] if first.isalpha() else stopped


def moment(value: str | datetime) -> str:
    """A moment for people: `2026-11-23 14:05:09 UTC`; a text that is no moment stays as it is."""
    when = parse_moment(value) if isinstance(value, str) else value
    if when is None:
        return str(value)
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(value: str) -> str:
    """The time of day of a moment: `14:05:09 UTC`, where the day is said elsewhere."""
    return moment(value).partition(" ")[2] or value


def parse_moment(text: str) -> datetime | None:
    """The moment that an ISO 8601 text names, in UTC where it does not say; None when it names none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def between(earlier: str, later: str) -> float | None:
    """Seconds from one ISO 8601 moment to another; None when either is none."""
    start, end = parse_moment(earlier), parse_moment(later)
    return None if start is None or end is None else (end - start).total_seconds()
