"""Policy: what the team decided, reviewed in pull requests as gate.toml."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """A table of gate.toml; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Command(Section):
    """A command of the team's own that must succeed, for example the test suite."""

    name: str = Field(min_length=1, description="How the check is named, also for `--waive`.")
    argv: tuple[str, ...] = Field(min_length=1, description="The program and its arguments; no shell.")
    where: str = Field(".", description="The folder to run it in.")
    seconds: float = Field(600, gt=0, description="Time limit, in seconds.")
    environment: tuple[str, ...] = Field(
        (), description="Names of variables that it may see besides PATH, HOME and LANG."
    )


class Checks(Section):
    """What the preflight checklist insists on."""

    require_rollback: bool = Field(False, description="Refuse when a pending migration has no rollback SQL.")
    require_review: bool = Field(False, description="Refuse when no review is recorded.")
    review_file: str | None = Field(None, description="A file that names the reviewer of this release.")
    review_approvals: int | None = Field(None, ge=1, description="Approvals on GitHub that each released commit needs.")
    review_branches: tuple[str, ...] = Field(
        (), description="Branches into which a reviewed merge counts; the default one unless set."
    )
    waivable: tuple[str, ...] | None = Field(None, description="Checks that may be waived; all unless set.")
    waived: dict[str, str] = Field({}, description="Checks waived by policy, each with its reason.")
    old_transaction_seconds: float = Field(60, gt=0, description="A transaction older than this is named, in seconds.")
    expected_database: str | None = Field(None, description="The name that production's database must have.")
    expected_system_identifier: str | None = Field(None, description="What pg_control_system() must say.")
    squawk: Literal["off", "note", "refuse"] = Field(
        "note", description="What squawk's findings do where it is installed; refuse: each refuses the release."
    )
    command: tuple[Command, ...] = ()


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


class Person(Section):
    """One person and every identity that is theirs; whoever decides at a door is looked up here."""

    name: str = Field(min_length=1, description="How the record and `approvers` name them.")
    slack: str | None = Field(None, min_length=1, description="Slack's immutable user id, for example U0123ABCD.")
    github: str | None = Field(None, min_length=1, description="GitHub login.")
    os_user: str | None = Field(None, min_length=1, description="Operating-system user, of the command line.")
    database_user: str | None = Field(None, min_length=1, description="Role in production, for `--as-database-user`.")
    emails: tuple[str, ...] = Field((), description="Addresses in git: who wrote a migration.")

    def identities(self) -> Iterator[tuple[str, str]]:
        """Kind and value of each identity, in the one spelling that comparisons use."""
        for kind in ("slack", "os_user", "database_user"):
            if value := getattr(self, kind):
                yield kind, value
        if self.github:
            yield "github", self.github.casefold()  # GitHub does not tell a login's cases apart
        for address in self.emails:
            yield "email", address.casefold()


class Approval(Section):
    """Who may say yes, how many of them, and for how long it counts."""

    approvers: tuple[str, ...] = Field((), description="Names that may approve; anybody with access while empty.")
    count: int = Field(1, ge=1, description="How many different people must approve.")
    count_losing_data: int | None = Field(
        None, ge=1, description="How many when the rehearsal lost rows or columns; as `count` unless set."
    )
    expires_hours: float = Field(4.0, gt=0, description="An approval request expires after this many hours.")
    self_approval: bool | None = Field(
        None, description="May the one who started the release approve it; yes while no approvers are named."
    )
    author_approval: bool | None = Field(
        None, description="May an author of a pending migration approve it; yes while no approvers are named."
    )
    require_known_people: bool = Field(
        False, description="Refuse approvals while the starter or an author is nobody of [[people]]."
    )
    break_glass: tuple[str, ...] = Field(
        (), description="Two of these together may approve in an emergency, whatever `approvers` and windows say."
    )
    prefect_ui: bool | None = Field(
        None,
        description="May a form in the Prefect UI decide; its name is only typed. Yes while no approvers are named.",
    )

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        most = max(self.count, self.count_losing_data or 0)
        if self.approvers and most > len(set(self.approvers)):
            raise ValueError(f"{most} different approvers are asked for, and {len(set(self.approvers))} are named")
        if self.break_glass and len(set(self.break_glass)) < 2:  # noqa: PLR2004
            raise ValueError("break_glass needs two different people")
        return self


class Backup(Section):
    """How production is backed up."""

    compression: Literal["zstd", "gzip", "none"] = "zstd"
    max_age_minutes: float = Field(15.0, gt=0, description="An older backup is taken anew just before the apply.")
    part_megabytes: int = Field(8, ge=5, le=512, description="Size of an upload part, in MiB.")


class Apply(Section):
    """Limits for production."""

    lock_timeout_ms: int = Field(2000, ge=50, le=60_000, description="How long one attempt may wait for a lock, in ms.")
    patient_lock_timeout_ms: int = Field(
        60_000,
        ge=50,
        le=3_600_000,
        description="The same for statements outside a transaction that hold up neither reads nor writes, in ms.",
    )
    end_blockers: Literal["never", "idle-in-transaction", "all"] = Field(
        "never", description="Which sessions may be ended that a migration waited for in vain."
    )
    end_blockers_after_seconds: float = Field(
        60, ge=0, description="Never one whose transaction is younger than this, in seconds."
    )
    attempts: int = Field(8, ge=1, le=50, description="Attempts before the release halts.")
    max_wait_seconds: float = Field(600, gt=0, description="Bound over all attempts and pauses, in seconds.")
    statement_timeout_factor: float = Field(
        3.0, ge=1, description="Times the rehearsed duration of that very statement."
    )
    statement_timeout_floor_ms: int = Field(3000, ge=100, description="No statement gets less, in ms.")
    statement_timeout_cap_ms: int = Field(3_600_000, ge=1000, description="No statement gets more, in ms.")


class Verify(Section):
    """What must hold after the apply."""

    invariants: str | None = Field(None, description="Folder of SQL files; each must return no row.")
    health_attempts: int = Field(5, ge=1, description="Tries before the health URL counts as failed.")
    health_pause_seconds: float = Field(1.0, ge=0, description="Pause between tries, in seconds.")


class Recovery(Section):
    """How production is brought back."""

    allow_rollback: bool = Field(True, description="Rehearsed rollback SQL may be used.")
    allow_restore: bool = Field(True, description="The proved backup may be restored beside and swapped in.")
    maintenance_database: str = Field(
        "postgres", description="Database to connect to while production's name is moved."
    )


class Slack(Section):
    """What Slack is told besides the ask."""

    on_call: str | None = Field(
        None,
        pattern=r"^(S[A-Z0-9]{2,20}|here|channel)$",
        description="Id of the user group that is mentioned when a release needs a person now; or here, or channel.",
    )


class Policy(Section):
    """gate.toml."""

    checks: Checks = Checks()
    window: tuple[Window, ...] = ()
    freeze: tuple[Freeze, ...] = ()
    conditions: Conditions = Conditions()
    people: tuple[Person, ...] = ()
    approval: Approval = Approval()
    backup: Backup = Backup()
    apply: Apply = Apply()
    verify: Verify = Verify()
    recovery: Recovery = Recovery()
    slack: Slack = Slack()

    @field_validator("people")
    @classmethod
    def _one_person_an_identity(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        owners: dict[tuple[str, str], str] = {}
        for person in people:
            for identity in (("name", person.name.casefold()), *person.identities()):
                if identity in owners:
                    kind, value = identity
                    raise ValueError(f"the {kind} {value} belongs to both {owners[identity]} and {person.name}")
                owners[identity] = person.name
        return people

    @model_validator(mode="after")
    def _approvers_are_people(self) -> Self:
        known = {person.name for person in self.people}
        for name in (*self.approval.approvers, *self.approval.break_glass) if known else ():
            if name not in known:
                raise ValueError(f"approval names {name}, who is nobody of [[people]]: {', '.join(sorted(known))}")
        return self
