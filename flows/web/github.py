"""/github/webhook: deployments that wait for a release ask, and people who review an environment decide."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.settings import Settings
from flows.github_now import github_now
from flows.web.github_decision import deciding
from flows.web.serving import Serving
from flows.web.work import TooBusyError
from tasks.gate.errors import GateError
from tasks.gate.github_webhook import EVENT, REVIEW, RULE, forgery, read_ask, read_review
from tasks.github_asks import Ended, answer_asks, keep_ask
from tasks.kill_points import reached

KEPT_SECONDS = 8.0  # GitHub waits 10, and does not deliver again by itself
EVERY_SECONDS = 10.0

log = logging.getLogger("gate.web")


def github_wanted(settings: Settings) -> bool:
    """True when GitHub may ask: there is a secret to know it by, and a repository and token to answer with."""
    return bool(settings.github_webhook_secret and settings.github_repository and settings.github_token)


def routes(serving: Serving) -> list[Route]:
    """The webhook, where it is configured."""
    settings = serving.settings
    if not github_wanted(settings) or settings.github_webhook_secret is None or settings.github_repository is None:
        return []
    secret, repository = settings.github_webhook_secret.get_secret_value(), settings.github_repository

    async def webhook(request: Request) -> Response:
        body = await request.body()
        if why := forgery(secret, request.scope["headers"], body):
            log.warning("a delivery to /github/webhook is not GitHub's: %s", why)
            return JSONResponse({"error": "unsigned"}, status_code=401)
        act = _meant(serving, repository, request.headers[EVENT.decode()], body)
        if act is None:
            return JSONResponse({"ignored": True})
        try:
            return JSONResponse(await serving.work.within(KEPT_SECONDS, act), status_code=202)
        except (GateError, TooBusyError, TimeoutError):
            # The one honest answer: GitHub shows the delivery as failed, and a person can let it deliver again.
            return JSONResponse({"error": "the store does not answer; deliver again"}, status_code=503)

    return [Route("/github/webhook", webhook, methods=["POST"])]


def _meant(serving: Serving, repository: str, event: str, body: bytes) -> Callable[[], dict[str, Any]] | None:
    """What a signed delivery asks to be done, and what GitHub's log of deliveries then shows; None when nothing."""
    settings = serving.settings
    if event == RULE:
        ask = read_ask(body, repository=repository, api_url=settings.github_api_url, now=datetime.now(UTC))
        if ask is not None:
            return lambda: {"heard": True, "new": keep_ask(serving.store, settings.target, ask)}
    if event == REVIEW:
        said = read_review(body, repository=repository, target=settings.target)
        if said is not None:
            return lambda: {"heard": True, "answer": deciding(serving, said)}
    return None


def answer_until(serving: Serving, stop: threading.Event) -> None:
    """Answer what waits, again and again; a store or a GitHub that is away costs a round."""
    said = ""
    ended: Ended = {}
    github = partial(github_now, serving.settings)
    while not stop.wait(EVERY_SECONDS):
        try:
            reached("github:look")
            answer_asks(serving.store, serving.settings.target, github, datetime.now(UTC), ended)
            said = ""
        except GateError as error:
            if error.message != said:
                log.warning("deployments that wait on GitHub are not answered yet: %s", error.message)
            said = error.message
