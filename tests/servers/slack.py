"""Slack as the gate meets it: the Web API as documented, a workspace of people, and webhooks signed as Slack signs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.servers.serving import serving
from tests.servers.slack_limits import refused_blocks
from tests.servers.slack_people import (
    APP,
    BOT,
    CHANNEL,
    MEMBER,
    SIGNING_SECRET,
    TEAM,
    TOKEN,
    Answer,
    Message,
    People,
    body_of,
    headers_for,
    send,
)

__all__ = [
    "APP",
    "BOT",
    "CHANNEL",
    "MEMBER",
    "SIGNING_SECRET",
    "TEAM",
    "TOKEN",
    "Message",
    "Workspace",
    "body_of",
    "headers_for",
    "send",
    "workspace",
]


class Workspace(People):
    """One workspace with one app; a test decides who is in it and what goes wrong."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.api_url = f"{self.url}/api"
        self.users: dict[str, Answer] = {}
        self.channel: Answer = {"id": CHANNEL, "is_ext_shared": False, "is_private": True, "is_member": True}
        self.scopes = "chat:write,users:read,groups:read,files:write"
        self.messages: list[Message] = []
        self.ephemeral: list[Answer] = []
        self.views: list[Answer] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.shared: list[Answer] = []
        self.calls: list[tuple[str, Answer]] = []
        self.socket_url = ""
        self.trouble: dict[str, list[Callable[[], tuple[int, Answer, dict[str, str]] | None]]] = {}
        self.acts_then_hangs: set[str] = set()  # carries the call out, and never answers
        self.delay: dict[str, float] = {}
        self.answers_late: dict[str, float] = {}  # carries the call out, and answers after so many seconds
        self.away = False
        self.knocks = 0  # while it was away
        self.lock = threading.RLock()
        self._number = 0

    def member(self, user: str, **flags: Any) -> str:
        """A person of the workspace; a flag given as None is left out of Slack's answer."""
        found = {"id": user, **MEMBER, **flags}
        self.users[user] = {name: value for name, value in found.items() if value is not None}
        return user

    def fails(self, method: str, error: str, *, times: int = 1, **more: Any) -> None:
        """Answer a method with `ok: false`, as Slack does: with status 200."""
        self._trouble(method, times, lambda: (200, {"ok": False, "error": error, **more}, {}))

    def throttles(self, method: str, *, seconds: int, times: int = 1) -> None:
        limited = {"ok": False, "error": "ratelimited"}
        self._trouble(method, times, lambda: (429, limited, {"Retry-After": str(seconds)}))

    def breaks(self, method: str, *, times: int = 1) -> None:
        self._trouble(method, times, lambda: (503, {}, {}))

    def _trouble(self, method: str, times: int, what: Callable[[], Any]) -> None:
        self.trouble.setdefault(method, []).extend([what] * times)

    def top(self) -> list[Message]:
        """The messages that are in no thread."""
        return [m for m in self.messages if not m.body.get("thread_ts")]

    def called(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    # What Slack's servers do

    def answer(self, method: str, given: Answer, token: str) -> tuple[int, Answer, dict[str, str]] | None:
        time.sleep(self.delay.get(method, 0))
        if self.away:
            self.knocks += 1
            return None
        with self.lock:
            self.calls.append((method, given))
            if waiting := self.trouble.get(method):
                return waiting.pop(0)()
            if token not in (TOKEN, "xapp-canary-4711"):
                return 200, {"ok": False, "error": "invalid_auth"}, {}
            act = getattr(self, "_" + method.replace(".", "_"), None)
            said = act(given) if act else {"ok": False, "error": "unknown_method"}
        time.sleep(self.answers_late.get(method, 0))
        return None if method in self.acts_then_hangs else (200, said, {"X-OAuth-Scopes": self.scopes})

    def _auth_test(self, _given: Answer) -> Answer:
        return {"ok": True, "team_id": TEAM, "user_id": BOT, "bot_id": "B0GATE", "app_id": APP, "url": "https://x/"}

    def _chat_postMessage(self, given: Answer) -> Answer:  # noqa: N802
        if given["channel"] != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if error := refused_blocks(given):
            return {"ok": False, "error": error}
        self._number += 1
        self.messages.append(Message(ts=f"1764.{self._number:06d}", body=given, channel=CHANNEL))
        posted = {"user": BOT, "bot_id": "B0GATE", "app_id": APP, "ts": self.messages[-1].ts}
        return {"ok": True, "channel": CHANNEL, "ts": self.messages[-1].ts, "message": posted}

    def _chat_update(self, given: Answer) -> Answer:
        found = next((m for m in self.messages if m.ts == given["ts"] and m.channel == given["channel"]), None)
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        if error := refused_blocks(given):
            return {"ok": False, "error": error}
        found.earlier.append(found.body)
        found.body = given
        return {"ok": True, "channel": CHANNEL, "ts": found.ts}

    def _chat_postEphemeral(self, given: Answer) -> Answer:  # noqa: N802
        self.ephemeral.append(given)
        return {"ok": True, "message_ts": "1764.9"}

    def _views_open(self, given: Answer) -> Answer:
        self.views.append(given)
        return {"ok": True, "view": {"id": f"V{len(self.views)}"}}

    def _views_update(self, given: Answer) -> Answer:
        self.views.append(given)
        return {"ok": True, "view": {"id": given.get("view_id", "")}}

    def _users_info(self, given: Answer) -> Answer:
        user = self.users.get(given["user"])
        return {"ok": True, "user": user} if user else {"ok": False, "error": "user_not_found"}

    def _conversations_info(self, given: Answer) -> Answer:
        known = given["channel"] == CHANNEL
        return {"ok": True, "channel": self.channel} if known else {"ok": False, "error": "channel_not_found"}

    def _files_getUploadURLExternal(self, given: Answer) -> Answer:  # noqa: N802
        if not int(given["length"]):
            return {"ok": False, "error": "missing_argument"}
        file_id = f"F{len(self.files) + 1}"
        self.files[file_id] = (given["filename"], b"")
        return {"ok": True, "upload_url": f"{self.url}/upload/{file_id}", "file_id": file_id}

    def _files_completeUploadExternal(self, given: Answer) -> Answer:  # noqa: N802
        self.shared.append(given)
        return {"ok": True, "files": json.loads(given["files"])}

    def _apps_connections_open(self, _given: Answer) -> Answer:
        return {"ok": True, "url": self.socket_url}


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A workspace on a free port, gone at the end."""
    place: Workspace

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path.startswith("/upload/"):
                file_id = self.path.removeprefix("/upload/")
                place.files[file_id] = (place.files[file_id][0], content)
                self._say(200, b"OK - 1", {})
                return
            is_json = "json" in self.headers.get("Content-Type", "")
            given = json.loads(content) if is_json else {k: v[0] for k, v in parse_qs(content.decode()).items()}
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            said = place.answer(self.path.removeprefix("/api/"), given, token)
            if said is None:
                self.close_connection = True
                self.connection.close()
                return
            self._say(said[0], json.dumps(said[1]).encode(), said[2])

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            return

    server = Quiet(("127.0.0.1", 0), Answering)
    place = Workspace(server.server_address[1])
    with serving(server):
        yield place
