"""The limits of the endpoint: size, time and number of requests; whatever comes in, no answer is a 5xx for it."""

import asyncio
import json
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.web.measures import Measures

BODY_BYTES = 1 << 20  # an interaction carries the whole message; Slack's stay well below this
HEADERS = 64
HEADER_BYTES = 16_384
BODY_SECONDS = 5.0
AT_ONCE = 128  # requests being answered; Slack and GitHub send a handful
LARGE_BYTES = 128 << 10  # a body beyond this is only read on while there is room for it
ROOM_BYTES = 64 << 20  # for all bodies that are arriving

log = logging.getLogger("gate.web")


class RefusedError(Exception):
    """A request that is beyond a limit."""

    def __init__(self, status: int, error: str) -> None:
        """Keep the answer."""
        super().__init__(error)
        self.status = status
        self.error = error


class Limits:
    """Wraps the application: reads each body itself, so that no route can be made to wait or to swallow too much."""

    def __init__(self, app: ASGIApp, *, measures: Measures, routes: frozenset[str]) -> None:
        """Keep what is needed.

        Args:
            app: the routes.
            measures: where answers are counted.
            routes: the paths that exist; others are counted as one, so that no stranger can fill the figures.
        """
        self._app = app
        self._measures = measures
        self._routes = routes
        self._now = 0
        self._arriving = 0  # bytes of bodies that are not complete yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        began = time.monotonic()
        route = scope["path"] if scope["path"] in self._routes else "other"
        status = [0]

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, counted)
        except RefusedError as refused:
            await _say(counted, refused.status, refused.error)
        except Exception as error:  # noqa: BLE001
            self._measures.defects.inc()
            log.error("a request to %s met a defect: %s", route, type(error).__name__)  # noqa: TRY400 - values may be secret
            if not status[0]:
                await _say(counted, 400, "this request cannot be answered")
        finally:
            self._measures.answers.labels(route, str(status[0] or "none")).inc()
            self._measures.seconds.labels(route).observe(time.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope["headers"]) > HEADERS or sum(len(n) + len(v) for n, v in scope["headers"]) > HEADER_BYTES:
            raise RefusedError(431, "too many headers")
        scope.setdefault("state", {})["began"] = time.monotonic()
        body = b"" if scope["method"] in ("GET", "HEAD") else await self._body(scope, receive)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        if self._now >= AT_ONCE:  # counted from here on, so that slow bodies keep nobody out
            raise RefusedError(429, "too many requests at once")
        self._now += 1
        try:
            await self._app(scope, replay, send)
        finally:
            self._now -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        announced = [value for name, value in scope["headers"] if name == b"content-length"]
        if announced and (not announced[0].isdigit() or int(announced[0]) > BODY_BYTES):
            raise RefusedError(413, "the body is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while await self._piece(body, receive):
                    pass
        except TimeoutError:
            raise RefusedError(408, "the body did not arrive in time") from None
        finally:
            self._arriving -= len(body)
        return bytes(body)

    async def _piece(self, body: bytearray, receive: Receive) -> bool:
        """Add what arrives next; True while there is more."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the connection ended before the body did")
        piece = message.get("body", b"")
        body += piece
        self._arriving += len(piece)
        if len(body) > BODY_BYTES:
            raise RefusedError(413, "the body is too large")
        if len(body) > LARGE_BYTES and self._arriving > ROOM_BYTES:
            raise RefusedError(429, "too many large bodies at once")
        return bool(message.get("more_body"))


async def _say(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status in (408, 413, 431):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
