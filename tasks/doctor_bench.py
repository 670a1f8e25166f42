"""What the doctor looks at: the surroundings of a release, opened without a plan, each failure kept and said once."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.clients.programs import find
from tasks.clients.scratch import ScratchServer
from tasks.clients.stores import open_store
from tasks.gate.errors import GateError
from tasks.preflight.check import Answer, Check, not_configured
from tasks.preflight.question import Once, Surroundings


@dataclass(kw_only=True)
class Bench(Surroundings):
    """Surroundings with a store, and with the environment that names a Prefect server."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def __post_init__(self) -> None:
        """Prepare the store; it is opened at the first call."""
        super().__post_init__()
        self._store = Once(lambda: open_store(self.settings.store_address))

    def store(self) -> ObjectStore:
        """The store that the settings name."""
        return self._store()


def bench_for(settings: Settings, policy: Policy, environment: Mapping[str, str] | None = None) -> Bench:
    """A bench over these settings; nothing is contacted yet."""

    def no_scratch() -> ScratchServer:
        raise AssertionError("the doctor starts and stops a scratch server of its own")

    bench = Bench(
        settings=settings,
        policy=policy,
        now=datetime.now(UTC),
        programs=lambda: find(bench.identity.major, settings.pg_bin, server=False),
        scratch=no_scratch,
        environment=dict(os.environ if environment is None else environment),
    )
    return bench


def after(ready: Callable[[Bench], object], cause: str, check: Check[Bench] | Check[Surroundings]) -> Check[Bench]:
    """The check, asked only where what it stands on is there: one problem is one line, not ten."""

    def ask(bench: Bench) -> Answer:
        try:
            ready(bench)
        except GateError:
            return not_configured(f"not asked, because {cause}")
        return check.ask(bench)

    return Check(check.name, check.title, ask)
