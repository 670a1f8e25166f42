"""Offers the deployments to the Prefect server; told to stop, it takes no new run and lets those that act end."""

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Self

from prefect._internal.versioning import VersionType
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.callables import ParameterSchema

from config.policy import Policy
from config.settings import Settings
from flows.deployments import drill, recover, release
from flows.reconcile import EVERY_SECONDS, Reconciler
from flows.statuses import LeftStatuses
from tasks.clients.owned_folder import temporary_folder
from tasks.gate.errors import GateError

LOOK_SECONDS = 0.25
AT_ONCE = 10  # runs that act at the same time; one that waits for a decision is suspended and does not count

log = logging.getLogger("gate.serve")


class ClosedForm(ParameterSchema):
    """A form that refuses parameters which it does not have, before a run is made; Prefect's own lets the run crash."""

    additionalProperties: bool = False  # noqa: N815 - JSON Schema's own name


class DrainingRunner(Runner):
    """Prefect's runner, whose own answer to SIGTERM cancels every run, in the middle of a statement if need be.

    A first signal ends only the taking of new runs, which stay scheduled for whoever comes next. A second one is
    Prefect's own: the runs are cancelled, leave a word in their record, and `gate resume` goes on with them.
    """

    signals = 0
    _told: asyncio.Event | None = None
    _told_in: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Enter, and ask for runs patiently: Prefect's own loop gives up on a lost server, and kills its runs."""
        await super().__aenter__()
        poller = self._scheduled_run_poller
        ask = poller._get_and_submit_flow_runs  # noqa: SLF001

        async def ask_patiently(task_group: Any = None) -> None:
            try:
                await ask(task_group)
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may go well
                log.warning("the Prefect server cannot be asked for runs: %s", type(error).__name__)

        poller._get_and_submit_flow_runs = ask_patiently  # type: ignore[method-assign]  # noqa: SLF001
        return self

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        """Count it, and wake the loop, which acts on it."""
        self.signals += 1
        if self._told is not None and self._told_in is not None:
            self._told_in.call_soon_threadsafe(self._told.set)

    def acting(self) -> int:
        """How many runs have a process now."""
        return len(self._scheduled_run_poller._submitting_flow_run_ids)  # noqa: SLF001 - nothing public tells

    def take_no_more(self) -> None:
        """Leave what is scheduled to others."""
        self._scheduled_run_poller.stopping = True

    async def until_told(self, looks: Mapping[str, Callable[[], object]]) -> None:
        """Run what is scheduled until a signal comes, then until nothing runs.

        Args:
            looks: what is to be done again and again meanwhile, by what it looks after.
        """
        self._told, self._told_in = asyncio.Event(), asyncio.get_running_loop()
        serving = asyncio.create_task(self.start())
        looking = asyncio.create_task(_look_after(looks))
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await self._drain(serving)
                await self.astop()
            await serving
        finally:
            looking.cancel()
            told.cancel()

    async def _drain(self, serving: "asyncio.Task[None]") -> None:
        self.take_no_more()
        shown = 0
        while (acting := self.acting()) and self.signals == 1:
            if acting != shown:
                log.warning("no new run is taken; %d still act and are let end (a second signal cancels them)", acting)
                shown = acting
            await asyncio.wait({serving}, timeout=LOOK_SECONDS)
            if serving.done():
                return


def offer(settings: Settings, policy: Policy, *, api: str) -> None:
    """Serve the deployments of this target until SIGTERM or Ctrl-C, and until what acts then has ended."""
    with temporary_folder("serve") as folder:
        # Prefect's runner uses one fixed name below the temporary folder, which may be another user's already.
        tempfile.tempdir = str(folder)
        runner = DrainingRunner(name=f"gate-{settings.target}", limit=AT_ONCE)
        for made in _made(settings):
            runner.add_deployment(made)
        with _signals(runner), contextlib.suppress(asyncio.CancelledError):
            looks = {
                "the open release": Reconciler(settings, policy, api=api).look,
                "the status of a commit": LeftStatuses(settings).look,
            }
            asyncio.run(runner.until_told(looks))


def _made(settings: Settings) -> Iterator[RunnerDeployment]:
    for door in (release, recover, drill):
        made = door.to_deployment(
            settings.target,
            entrypoint_type=EntrypointType.MODULE_PATH,
            tags=["gate", settings.target],
            version_type=VersionType.SIMPLE,  # else Prefect asks git, and hands it our environment with every secret
        )
        if isinstance(made, RunnerDeployment):  # for the type checker: in a running loop it would be a coroutine
            form = made._parameter_openapi_schema.model_dump()  # noqa: SLF001
            made._parameter_openapi_schema = ClosedForm(additionalProperties=False, **form)  # noqa: SLF001
            yield made


@contextlib.contextmanager
def _signals(runner: DrainingRunner) -> Iterator[None]:
    """Ctrl-C means the same as SIGTERM, which the runner itself listens to."""

    def told(_number: int, _frame: FrameType | None) -> None:
        runner.handle_sigterm()

    before = signal.signal(signal.SIGINT, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _look_after(looks: Mapping[str, Callable[[], object]]) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        for what, look in looks.items():
            try:
                await asyncio.to_thread(look)
            except GateError as error:
                log.warning("%s could not be looked after: %s", what, error.message)
            except Exception as error:  # noqa: BLE001 - values may be secret, and the next look may go well
                log.error("%s could not be looked after: %s", what, type(error).__name__)  # noqa: TRY400
