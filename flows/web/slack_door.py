"""/slack/interactions: a signature before anything is read, then one press at a time, answered within two seconds."""

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flows.web.guards import PressRate, Replays
from flows.web.serving import Serving
from flows.web.slack_decision import UNKNOWN, Told, deciding, mismatch
from flows.web.slack_place import SlackPlace
from flows.web.work import TooBusyError, wait_for
from tasks.clients.slack import SlackError
from tasks.gate.errors import GateError
from tasks.gate.slack_forms import (
    SHORTEST_REASON,
    error_below_the_reason,
    instead_of_the_form,
    reject_form,
)
from tasks.gate.slack_press import REJECT, NotUnderstood, Press, press
from tasks.gate.slack_signature import SIGNATURE, forgery

ANSWER_SECONDS = 2.0  # Slack gives up after 3, and then tells the person that it failed
LOOK_SECONDS = 1.0  # of which a look into the record may take so much before the form is opened all the same
BUSY = "too many answers wait for a store that is slow, so nothing was decided; press again, or use `gate approve`"
STILL = "your answer has arrived, and the record is slow: it is not known yet whether it counts; you will be told"

log = logging.getLogger("gate.web")


def routes(serving: Serving) -> list[Route]:
    """The door, where Slack is configured with a signing secret."""
    if serving.slack is None or serving.settings.slack_signing_secret is None:
        return []
    door = SlackDoor(serving, serving.slack)
    return [Route("/slack/interactions", door.interactions, methods=["POST"])]


class SlackDoor:
    """Takes presses, from HTTP or from a socket, and answers each."""

    def __init__(self, serving: Serving, place: SlackPlace) -> None:
        """Contact nobody yet."""
        self._serving = serving
        self._place = place
        self._replays = Replays()
        self._rate = PressRate()

    async def interactions(self, request: Request) -> Response:
        """One request, whoever sent it."""
        body = await request.body()
        refusals = self._serving.measures.slack_refusals
        assert self._serving.settings.slack_signing_secret is not None, "without it there is no route"
        secret = self._serving.settings.slack_signing_secret.get_secret_value()
        if why := forgery(secret, request.scope["headers"], body, time.time()):
            refusals.labels(why).inc()
            return JSONResponse({"error": "invalid request"}, status_code=401)
        signature = request.headers[SIGNATURE.decode()]
        if not self._replays.first_time(signature):
            refusals.labels("replay").inc()
            return JSONResponse({"error": "seen before"}, status_code=409)
        try:
            found = press(body)
        except NotUnderstood:
            refusals.labels("payload").inc()
            return JSONResponse({"error": "not understood"}, status_code=400)
        began = float(request.scope["state"]["began"])
        answer = await self.take(found, hashlib.sha256(body).hexdigest(), began)
        return JSONResponse(answer) if answer else Response(status_code=200)

    async def take(self, found: Press, body_sha256: str, began: float) -> dict[str, Any] | None:
        """Act on a press that is Slack's; returns what a form is answered with, None for an empty answer.

        Args:
            found: what was pressed.
            body_sha256: of the bytes that said so, for the record.
            began: `time.monotonic()` at its arrival.
        """
        if not self._rate.allowed(found.user):
            self._serving.measures.slack_refusals.labels("rate").inc()
            return self._say(found, "so many presses at once are not looked at; wait a moment")
        if found.action == REJECT:
            await self._open_form(found)
            return None
        if found.action == "reason" and len(found.reason) < SHORTEST_REASON:
            return error_below_the_reason("say in a few words why")
        try:
            future = self._serving.work.begin(
                lambda: deciding(self._serving, self._place, found, body_sha256),
            )
        except TooBusyError:
            return self._say(found, BUSY)
        try:
            told = await wait_for(future, began + ANSWER_SECONDS - time.monotonic())
        except TimeoutError:
            return self._later(found, future)
        return None if told.recorded else self._say(found, told.sentence)

    def _say(self, found: Press, sentence: str) -> dict[str, Any] | None:
        """Tell the person: in their form, or below the message."""
        if found.action == "reason":
            return error_below_the_reason(sentence)
        self._behind(lambda: self._place.tell(found.user, sentence))
        return None

    def _later(self, found: Press, future: Future[Told]) -> dict[str, Any] | None:
        """Answer now with what is known now, and with the outcome once there is one."""
        self._behind(lambda: self._place.tell(found.user, STILL))

        def outcome(done: Future[Told]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._behind(lambda: self._place.tell(found.user, done.result().sentence))

        future.add_done_callback(outcome)
        return instead_of_the_form(STILL) if found.action == "reason" else None

    async def _open_form(self, found: Press) -> None:
        """Ask for the reason of a no; who cannot decide any more is told what happened instead."""
        try:
            against = await self._serving.work.within(LOOK_SECONDS, lambda: self._stale(found))
        except TimeoutError:
            against = ""  # the record is slow, and a form can only be opened at once; it is checked when it is sent
        except TooBusyError:
            against = BUSY
        if against:
            self._say(found, against)
            return
        self._behind(lambda: self._show_form(found))

    def _stale(self, found: Press) -> str:
        """Why a form need not be opened."""
        try:
            bound = self._place.bound(found.id)
            if bound is None:
                return UNKNOWN
            return mismatch(found, bound, self._place.channel) or self._place.over(bound, self._serving.policy_now())
        except GateError as error:
            return f"the record cannot be read now: {error.message}; nothing was decided"

    def _show_form(self, found: Press) -> None:
        bound = self._place.known(found.id)
        release = bound.release if bound else "unknown"
        view = reject_form(found.id, release, self._serving.settings.target)
        try:
            self._place.slack.call(
                "views.open", body={"trigger_id": found.trigger, "view": view}, twice_is_harmless=False, attempts=1
            )
        except SlackError as error:
            log.warning("the form for a reason could not be opened: %s", error.message)
            self._place.tell(found.user, f"the form cannot be opened; `gate reject {release} --reason TEXT` works")

    def _behind(self, act: Callable[[], object]) -> None:
        """Do something that the answer does not wait for; when there is no room for it, it is left."""
        try:
            self._serving.words.begin(act)
        except TooBusyError:
            log.warning("so much waits that a person in Slack was not told what became of their press")
