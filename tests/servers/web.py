"""A real HTTP server on loopback whose answers a test decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.serving import serving


class Site:
    """Paths to their answers, in turn; the last one stays."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self._answers: dict[str, list[tuple[int, str, dict[str, str]]]] = {}

    def answers(self, path: str, *statuses: int, body: str = "", **headers: str) -> str:
        """Decide what a path answers; returns its URL."""
        self._answers[path] = [(status, body, headers) for status in statuses]
        return self.url + path

    def next_answer(self, path: str) -> tuple[int, str, dict[str, str]]:
        self.asked.append(path)
        turns = self._answers.get(path.partition("?")[0], [(404, "", {})])
        return turns.pop(0) if len(turns) > 1 else turns[0]


@contextmanager
def local_site() -> Iterator[Site]:
    """A site on a free port, gone at the end."""
    site: Site

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = site.next_answer(self.path)
            self.send_response_only(status)  # without a Date of its own
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_HEAD = do_GET  # noqa: N815  (the name that http.server calls)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    site = Site(server.server_address[1])
    with serving(server):
        yield site
