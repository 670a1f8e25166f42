"""GitLab on loopback: the documented calls that the gate makes (REST API v4), its paging, its states of a status."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.serving import serving

PROJECT = "acme/shop"
TOKEN = "glpat-canary0token0of0the0tests"
BOT = {"id": 77, "username": "project_1_bot"}
ONGOING = ("pending", "running")


@dataclass
class FakeGitLab:
    """One project, and everything that was told to it."""

    url: str = ""
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    page: int = 100  # entries, at most
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered first, in turn

    def note(self, merge_request: int, body: str, author: dict[str, Any] = BOT, *, system: bool = False) -> None:
        number = 1000 + sum(map(len, self.notes.values()))
        self.notes.setdefault(merge_request, []).append(
            {"id": number, "body": body, "author": author, "system": system}
        )

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if (method, path) == ("GET", "/user"):
            return 200, BOT
        project = f"/projects/{PROJECT}"
        if (method, path) == ("GET", project):
            return 200, {"id": 5, "path_with_namespace": PROJECT}
        rest = path.removeprefix(project)
        if found := re.fullmatch(r"/merge_requests/([0-9]+)/notes", rest):
            if method == "POST":
                self.note(int(found[1]), body["body"])
                return 201, self.notes[int(found[1])][-1]
            return 200, self.notes.get(int(found[1]), [])
        if method == "PUT" and (found := re.fullmatch(r"/merge_requests/([0-9]+)/notes/([0-9]+)", rest)):
            (note,) = [n for n in self.notes[int(found[1])] if n["id"] == int(found[2])]
            note["body"] = body["body"]
            return 200, note
        if method == "POST" and (found := re.fullmatch(r"/statuses/([0-9a-f]+)", rest)):
            return self._status(found[1], body)
        return 404, {"message": "404 Project Not Found"}

    def _status(self, sha: str, body: dict[str, Any]) -> tuple[int, Any]:
        if len(body["description"]) > 255:
            return 400, {"message": {"description": ["is too long (maximum is 255 characters)"]}}
        same = [s for s in self.statuses if (s["sha"], s["name"]) == (sha, body["name"])]
        now = same[-1]["state"] if same else ""
        if now in ONGOING and (body["state"] == now or body["state"] == "pending"):
            event = "enqueue" if body["state"] == "pending" else "run"
            return 400, {"message": f"Cannot transition status via :{event} from :{now}"}
        self.statuses.append({"sha": sha, **body})
        return 201, body


@contextmanager
def fake_gitlab() -> Iterator[FakeGitLab]:
    """GitLab on a free port, gone at the end."""
    gitlab = FakeGitLab()

    class Answering(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            parts = urlsplit(self.path)
            gitlab.asked.append(f"{self.command} {self.path}")
            if self.headers.get("PRIVATE-TOKEN") != TOKEN:
                return self._send(401, {"message": "401 Unauthorized"}, {})
            if gitlab.trouble:
                status, headers = gitlab.trouble.pop(0)
                return self._send(status, {"message": "trouble"}, headers)
            status, document = gitlab.answer(self.command, unquote(parts.path.removeprefix("/api/v4")), body)
            headers = {}
            if isinstance(document, list):
                query = parse_qs(parts.query)
                page = int(query.get("page", ["1"])[0])
                size = min(gitlab.page, int(query.get("per_page", ["20"])[0]))
                if len(document) > page * size:
                    rest = self.path.partition("&page=")[0].removeprefix("/api/v4")
                    headers["Link"] = f'<{gitlab.url}{rest}&page={page + 1}>; rel="next"'
                document = document[(page - 1) * size : page * size]
            return self._send(status, document, headers)

        do_GET = do_POST = do_PUT = _any  # noqa: N815  (the names that http.server calls)

        def _send(self, status: int, document: Any, headers: dict[str, str]) -> None:
            content = json.dumps(document).encode()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    with serving(server) as address:
        gitlab.url = f"{address}/api/v4"
        yield gitlab
