"""Prefect as a window: steps as tasks, evidence as artifacts, lines as logs; nothing here can fail a release."""

import contextlib
import functools
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from flows.prefect_rest import PrefectApi

from flows.defect import unexpected
from tasks.gate.errors import GateError

T = TypeVar("T")

ARTIFACT_SECONDS = 3.0  # a lost server costs an artifact this much, and the release nothing


def inside_a_run() -> bool:
    """True inside a flow run that a Prefect API knows; never imports Prefect on its own account."""
    if "prefect.context" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None


def flow_run_id() -> str:
    """The id of the flow run around us, empty when there is none."""
    if not inside_a_run():
        return ""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else ""


def deployed() -> bool:
    """True when a runner started this flow run, so that it can be suspended and started again."""
    if not inside_a_run():
        return False
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None


def is_pause(error: BaseException) -> bool:
    """True for the signal by which Prefect ends the process of a suspended run; it must not be swallowed."""
    return type(error).__name__ == "Pause" and type(error).__module__.startswith("prefect")


def as_task(title: str, act: Callable[[], T]) -> T:
    """Run a step as a task of this flow run: visible, never retried, never cached, its result kept nowhere.

    Prefect keeps the text and the traceback of whatever a task raises, and of what caused it. So a defect leaves the
    task as the sentence about it, and a refusal without its causes.

    Raises:
        GateError: what the step raised, or that it met a defect.
    """
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    def step() -> T:
        try:
            return act()
        except GateError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001 - values may be secret
            raise unexpected(error) from None

    shown = task(name=title, task_run_name=title, retries=0, cache_policy=NO_CACHE, persist_result=False)(step)
    return shown()


def log(sentence: str, about: Mapping[str, object] | None = None) -> None:
    """A line in the run's log; `about` is for machines that read the console."""
    with contextlib.suppress(Exception):
        from prefect.logging import get_run_logger

        get_run_logger().info(sentence, extra=dict(about or {}))


def artifact(title: str, markdown: str) -> None:
    """Evidence beside the run; a server that does not answer in time costs the artifact only."""
    with contextlib.suppress(Exception):
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

        auth = PREFECT_API_AUTH_STRING.value()
        server = _server(str(PREFECT_API_URL.value()), auth.get_secret_value() if auth else "")
        key = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        body: dict[str, Any] = {
            "key": key,
            "type": "markdown",
            "data": markdown,
            "description": title,
            "flow_run_id": flow_run_id(),
        }
        server.keep(body)


@functools.cache
def _server(url: str, credentials: str) -> "PrefectApi":
    """One for all artifacts: where the server asks for a token it is fetched once."""
    from flows.prefect_rest import PrefectApi

    return PrefectApi(url, seconds=ARTIFACT_SECONDS, credentials=credentials)
