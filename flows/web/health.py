"""/healthz says that the process answers, /readyz that it can decide (the store answers), /metrics its figures."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flows.web.serving import Serving
from flows.web.work import TooBusyError
from tasks.gate.errors import GateError
from tasks.target_log import TargetLog

READY_SECONDS = 2.0


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

    async def metrics(_request: Request) -> Response:
        body, media_type = serving.measures.exposition()
        return Response(body, media_type=media_type)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
