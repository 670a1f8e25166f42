"""Policy: what the team decided, reviewed in pull requests as gate.toml."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from config.people import Approval, Person
from config.section import Section
from config.times import Conditions, Freeze, Window

__all__ = [
    "Apply",
    "Approval",
    "Backup",
    "Checks",
    "Command",
    "Conditions",
    "Freeze",
    "Person",
    "Policy",
    "Recovery",
    "Section",
    "Slack",
    "Verify",
    "Window",
]


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
