"""A line between the gate and a real S3 server that a test can cut, jam and garble at a chosen request."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tasks.clients.seaweed import SeaweedServer
from tests.servers.serving import serving

BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Fate(Enum):
    """What becomes of a request."""

    PASS = auto()
    BUSY = auto()  # answered with 503 and not passed on
    LOST_REPLY = auto()  # passed on, but the line breaks before the answer arrives
    CUT_REPLY = auto()  # the line breaks in the middle of the answer
    FLIPPED = auto()  # one bit of the body is flipped on the way
    UNCONDITIONAL = auto()  # `If-None-Match` is ignored, as some stores do


class Line:
    """What came over the line, and what is to become of it."""

    def __init__(self, server: SeaweedServer) -> None:
        self.server = server
        self.address = urlsplit(server.endpoint)
        self.seen: Counter[str] = Counter()
        self.fate: Callable[[str, int], Fate] = lambda _operation, _count: Fate.PASS
        self.lock = threading.Lock()
        self.endpoint = ""

    def fate_of(self, operation: str) -> Fate:
        with self.lock:
            self.seen[operation] += 1
            return self.fate(operation, self.seen[operation])

    def url(self, bucket: str, prefix: str) -> str:
        return f"s3://{bucket}/{prefix}?endpoint_url={self.endpoint}&region=us-east-1"


@contextmanager
def line_to(server: SeaweedServer) -> Iterator[Line]:
    """A line to this server; give `fate` a rule: operation and how often it was seen, to what becomes of it."""
    line = Line(server)

    class Handler(_Passing):
        to = line

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    with serving(proxy) as line.endpoint:
        yield line


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    to: Line

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.to.fate_of(self._operation())
        if fate is Fate.BUSY:
            self._answer(503, [("Content-Type", "application/xml")], BUSY)
            return
        if fate is Fate.UNCONDITIONAL and self.headers.get("If-None-Match"):
            bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
            reply = self.to.server.client().put_object(Bucket=bucket, Key=key, Body=body)
            self._answer(200, [("ETag", reply["ETag"])], b"")
            return
        if fate is Fate.FLIPPED and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        status, headers, content = self._pass_on(body)
        if fate is Fate.LOST_REPLY:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(status, headers, content, cut=fate is Fate.CUT_REPLY)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any  # noqa: N815 - http.server's names

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.to.address.hostname or "", self.to.address.port, timeout=20)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            reply = connection.getresponse()
            headers = [(n, v) for n, v in reply.getheaders() if n.lower() not in ("connection", "transfer-encoding")]
            return reply.status, headers, reply.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else b"" if self.command == "HEAD" else content)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    def _operation(self) -> str:
        query = urlsplit(self.path).query
        if self.command == "PUT":
            return "part" if "partNumber" in query else "put"
        if self.command == "POST":
            return "begin" if "uploads" in query else "complete"
        return {"GET": "list" if "list-type" in query else "get", "HEAD": "head", "DELETE": "delete"}[self.command]

    def log_message(self, *_args: object) -> None:
        """Silent: the test says what it expects."""
