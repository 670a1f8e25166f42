"""When a release may begin: weekly windows, freezes, and what production must be free of."""

from datetime import date, datetime, time
from typing import Literal, Self

from pydantic import Field, model_validator

from config.section import Section


class Window(Section):
    """When a release may be applied, weekly."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    start: str = Field("00:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Opening time, HH:MM.")
    end: str = Field("24:00", pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", description="Closing time, HH:MM.")
    time_zone: str = Field("UTC", description="IANA name, for example Europe/Berlin.")


class Freeze(Section):
    """Dates between which nothing is released, whatever the windows say."""

    start: date | datetime = Field(description="First day, or the moment by the wall clock of `time_zone`.")
    end: date | datetime = Field(description="Last day, that whole day included, or the moment at which it ends.")
    time_zone: str = Field("UTC", description="IANA name, for example Europe/Berlin.")
    reason: str = Field(min_length=1, description="Shown to whoever waits.")

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        moments = [self.start, self.end]
        if any(isinstance(moment, datetime) and moment.tzinfo is not None for moment in moments):
            raise ValueError("a freeze is written in the local time of its time_zone, without an offset")
        first, last = (m if isinstance(m, datetime) else datetime.combine(m, time()) for m in moments)
        whole_day = not isinstance(self.end, datetime)
        if last < first or (last == first and not whole_day):
            raise ValueError(f"a freeze ends after it starts, and this one runs from {self.start} to {self.end}")
        return self


class Conditions(Section):
    """What production must be free of before an approved release begins; it waits until then."""

    long_transaction_seconds: float | None = Field(
        None, gt=0, description="Wait while a transaction is older than this, in seconds."
    )
    other_dump: bool = Field(False, description="Wait while somebody else dumps this database.")
    wraparound_vacuum: bool = Field(False, description="Wait while autovacuum runs against wraparound.")
    replica_lag_seconds: float | None = Field(
        None, gt=0, description="Wait while a replica is further behind than this, in seconds."
    )
