"""Socket Mode: for teams without a public address, Slack's presses come through a connection that we open ourselves.

There is no signature: whoever holds the app's token is Slack. Every other check is the same as behind HTTP.
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import hashlib
import json
import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from flows.web.guards import Replays
from flows.web.serving import Serving
from flows.web.slack_door import SlackDoor
from flows.web.slack_place import SlackPlace
from tasks.clients.slack import LOOPBACK, Slack, SlackAway
from tasks.gate.errors import GateError
from tasks.gate.slack_press import NotUnderstood, payload_press
from tasks.kill_points import reached

FRAME_BYTES = 1 << 20
LISTEN_SECONDS = 0.5  # how soon the end of the process is noticed
SHORT_PAUSE, LONG_PAUSE = 1.0, 30.0

log = logging.getLogger("gate.web")


class SlackSocket:
    """One connection to Slack, opened again whenever it ends."""

    def __init__(self, serving: Serving, place: SlackPlace, token: SecretStr) -> None:
        """Contact nobody yet."""
        self._measures = serving.measures
        self._door = SlackDoor(serving, place)
        self._slack = Slack(token, serving.settings.slack_api_url)
        self._replays = Replays()
        self._answers: set[asyncio.Task[None]] = set()

    def run(self, stop: threading.Event) -> None:
        """Listen until told to stop."""
        reached("slack:socket")
        asyncio.run(self._live(stop))

    async def _live(self, stop: threading.Event) -> None:
        pause = SHORT_PAUSE
        while not stop.is_set():
            try:
                url = await asyncio.to_thread(self._address)
                async with connect(url, max_size=FRAME_BYTES) as line:
                    log.info("listening to Slack through a socket")
                    pause = SHORT_PAUSE
                    await self._listen(line, stop)
            except (GateError, WebSocketException, OSError, TimeoutError) as error:
                self._measures.slack_failures.labels("socket").inc()
                said = error.message if isinstance(error, GateError) else type(error).__name__
                log.warning("the socket to Slack is closed: %s; it is opened again", said)
                await asyncio.sleep(pause)
                pause = min(LONG_PAUSE, pause * 2)

    def _address(self) -> str:
        """Where to connect now; good once.

        Raises:
            SlackRefused, SlackAway: Slack gives none, or one that is not encrypted.
        """
        url = str(self._slack.call("apps.connections.open", form={}).get("url", ""))
        parts = urlsplit(url)
        if parts.scheme != "wss" and not (parts.scheme == "ws" and parts.hostname in LOOPBACK):
            raise SlackAway("apps.connections.open", "named no wss address", may_have_acted=False)
        return url

    async def _listen(self, line: ClientConnection, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                frame = await asyncio.wait_for(line.recv(), LISTEN_SECONDS)
            except TimeoutError:
                continue
            began = time.monotonic()
            message = _object(frame)
            if message.get("type") == "disconnect":
                return
            if message.get("type") == "interactive" and isinstance(message.get("envelope_id"), str):
                task = asyncio.create_task(self._answer(line, message, began))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)

    async def _answer(self, line: ClientConnection, message: dict[str, Any], began: float) -> None:
        envelope = message["envelope_id"]
        answer: dict[str, Any] | None = None
        if self._replays.first_time(envelope):
            answer = await self._taken(message.get("payload"), began)
        else:
            self._measures.slack_refusals.labels("replay").inc()
        said = {"envelope_id": envelope}
        if answer is not None and message.get("accepts_response_payload") is True:
            said["payload"] = answer
        try:
            await line.send(json.dumps(said))
        except WebSocketException:
            log.warning("the socket to Slack ended before an answer; what was decided stands")

    async def _taken(self, payload: object, began: float) -> dict[str, Any] | None:
        try:
            found = payload_press(payload)
        except NotUnderstood:
            self._measures.slack_refusals.labels("payload").inc()
            return None
        body = json.dumps(payload, sort_keys=True).encode()
        return await self._door.take(found, hashlib.sha256(body).hexdigest(), began)


def _object(frame: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
