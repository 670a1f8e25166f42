"""What the checks may look at: opened once, shared by all, read-only by construction."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import git, postgres
from tasks.clients.postgres import Connection
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import BY_ITSELF, Session, session_like
from tasks.gate.errors import ConfigurationError, GateError
from tasks.gate.identity import Identity
from tasks.gate.plan import Folder, Plan
from tasks.known_identity import known_identity
from tasks.release import Release
from tasks.replay import replay
from tasks.tool import tool
from tasks.workshop import Workshop

T = TypeVar("T")


def _silent(_sentence: str) -> None:
    return None


class Once(Generic[T]):
    """A value that is made at the first call; a failure to make it is kept as well: nobody waits for it twice."""

    def __init__(self, make: Callable[[], T], *, usable: Callable[[T], bool] = lambda _value: True) -> None:
        self._make = make
        self._usable = usable
        self._made: list[T] = []
        self._error: GateError | None = None

    def __call__(self) -> T:
        """The value, made anew only when it is not usable any more."""
        if self._error is not None:
            raise self._error
        if not self._made or not self._usable(self._made[0]):
            try:
                self._made = [self._make()]
            except GateError as error:
                self._error = error
                raise
        return self._made[0]


@dataclass
class Surroundings:
    """The servers and programs that questions are asked about; a context manager that closes what it opened."""

    settings: Settings
    policy: Policy
    now: datetime
    programs: Callable[[], Programs]  # client programs that fit production
    scratch: Callable[[], ScratchServer]  # started at the first call; its owner stops it
    say: Callable[[str], None] = _silent
    closing: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        """Prepare the connections; none is opened yet."""
        self._production = self._connection(lambda: self.production_url, "preflight")
        self._staging = self._connection(lambda: self.settings.staging_url, "preflight staging")
        self._identity = Once(lambda: postgres.identity(self.production()))
        self._staging_identity = Once(lambda: postgres.identity(self._staging()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.close()

    @property
    def production_url(self) -> SecretStr:
        """Production's address.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.settings.production_url is None:
            raise ConfigurationError(
                "GATE_PRODUCTION_URL is not set",
                hint="export GATE_PRODUCTION_URL=postgresql://user:password@host:5432/database",
            )
        return self.settings.production_url

    @property
    def identity(self) -> Identity:
        """Which database production is."""
        return self._identity()

    def production(self) -> Connection:
        """Production, read-only, with time limits.

        Raises:
            ConfigurationError: it cannot be reached, or is not set.
        """
        return self._production()

    def staging(self) -> Connection | None:
        """Staging, read-only; None when no staging URL is set.

        Raises:
            ConfigurationError: it cannot be reached.
        """
        return None if self.settings.staging_url is None else self._staging()

    def staging_identity(self) -> Identity | None:
        """Which database staging is; None when no staging URL is set."""
        return None if self.settings.staging_url is None else self._staging_identity()

    def _connection(self, url: Callable[[], Any], purpose: str) -> Once[Connection]:
        def open_it() -> Connection:
            return self.closing.enter_context(postgres.connect(url(), purpose=purpose, read_only=True))

        return Once(open_it, usable=lambda connection: not connection.closed)


@dataclass(kw_only=True)
class Question(Surroundings):
    """One release's checklist: its plan, beside the servers."""

    plan: Plan
    folder: Folder
    commit: str = ""  # what is released, by the trigger or by the checkout; empty when nobody knows
    known_as: Callable[[], Identity | None] = lambda: None  # the database of the newest earlier release of this target

    def __post_init__(self) -> None:
        """Prepare the replay; it runs at the first call."""
        super().__post_init__()
        self._replayed = Once(
            lambda: replay(self.scratch(), self.folder, self.plan.ledger_schema, self.plan.ledger_table, self.session())
        )

    @classmethod
    def about(cls, release: Release, workshop: Workshop, plan: Plan) -> Self:
        """The checklist of a release; the workshop keeps the scratch server for the steps that follow."""
        return cls(
            settings=release.settings,
            policy=release.policy,
            now=release.now(),
            programs=lambda: workshop.programs,
            scratch=lambda: workshop.scratch,
            say=release.say,
            plan=plan,
            folder=tool(plan.tool).read_folder(release.settings.migrations),
            commit=released_commit(release),
            known_as=lambda: known_identity(release.store, release.target, before=release.id),
        )

    @property
    def identity(self) -> Identity:
        """Which database the plan was made for."""
        return self.plan.identity

    def session(self) -> Session:
        """How production's sessions begin, as the plan has it."""
        settings = self.plan.session_settings
        return session_like(self.production(), settings) if settings else BY_ITSELF

    def replayed(self) -> str:
        """The scratch database into which the whole folder was replayed from empty; run once, shared by the checks.

        Raises:
            Refused: a migration fails on an empty database; it names the migration and the statement.
        """
        return self._replayed()


def released_commit(release: Release) -> str:
    """The commit that the trigger named, else the one that is checked out around the migrations; empty when neither."""
    opened = release.record.last("opened")
    sent = opened.body.get("bundle") if opened else None
    return str(sent["commit"]) if sent else git.head(release.settings.migrations)
