"""/healthz says that the process answers, /readyz that it can decide (the store answers), /metrics its figures."""

import threading
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flows.web.serving import Serving
from flows.web.work import TooBusyError
from tasks.gate.errors import GateError
from tasks.measured import Watched, exposition
from tasks.target_log import TargetLog

READY_SECONDS = 2.0
SCRAPE_SECONDS = 8.0  # Prometheus gives up after 10, unless told otherwise


def routes(serving: Serving) -> list[Route]:
    """Always there."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def readyz(_request: Request) -> Response:
        try:
            log = TargetLog(serving.store, serving.settings.target)
            await serving.work.within(READY_SECONDS, log.current)
        except (GateError, TooBusyError, TimeoutError) as error:
            reason = error.message if isinstance(error, GateError) else "the store does not answer in time"
            return JSONResponse({"ok": False, "reason": reason}, status_code=503)
        return JSONResponse({"ok": True})

    watched, one_at_a_time = Watched(serving.store, serving.settings.target), threading.Lock()

    def target_figures() -> bytes:
        with one_at_a_time:
            return exposition(watched.measure(datetime.now(UTC)))

    async def metrics(_request: Request) -> Response:
        try:
            of_the_target = await serving.work.within(SCRAPE_SECONDS, target_figures)
            serving.measures.store_up.set(1)
        except (GateError, TooBusyError, TimeoutError):
            of_the_target = b""  # the process's own figures are told all the same, and that these are missing
            serving.measures.store_up.set(0)
        body, media_type = serving.measures.exposition()
        return Response(body + of_the_target, media_type=media_type)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
