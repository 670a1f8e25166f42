"""Runs the application in a thread of its own: the process may serve Prefect's deployments beside it."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from tasks.gate.errors import ConfigurationError

HEAD_BYTES = 16_384
HEAD_SECONDS = 10.0  # until the first request of a connection is complete to its last header
KEEP_ALIVE_SECONDS = 65  # longer than a proxy in front keeps a connection, or it may send a request into a closing one
CONNECTIONS = 512
STOP_SECONDS = 5

log = logging.getLogger("gate.web")


class ImpatientProtocol(H11Protocol):
    """HTTP for strangers: a connection that says nothing, or says it slowly, is closed; at once when others want in."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time."""
        super().connection_made(transport)
        self._idle_since = time.monotonic()
        if len(self.connections) > CONNECTIONS:
            self._close_the_idlest()
        self._watch()

    def _close_the_idlest(self) -> None:
        """Make room: who only holds a line loses it, never who comes with a request."""
        idle = [one for one in self.connections if isinstance(one, ImpatientProtocol) and not one.busy]
        min(idle, key=lambda one: one._idle_since, default=self).transport.abort()  # noqa: SLF001 - of our own class

    @property
    def busy(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Begin anew."""
        self._idle_since = time.monotonic()
        super().on_response_complete()

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        allowed = HEAD_SECONDS if self.cycle is None else KEEP_ALIVE_SECONDS
        if not self.busy and time.monotonic() - self._idle_since > allowed:
            self.transport.close()
            return
        self.loop.call_later(HEAD_SECONDS / 4, self._watch)


@contextlib.contextmanager
def answering(app: Starlette, listen: str) -> Iterator[str]:
    """Answer requests until the end of the block; yields the address.

    Args:
        app: the application.
        listen: host:port; port 0 takes a free one.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    with _bound(listen) as bound:
        server = uvicorn.Server(_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="gate-endpoint", daemon=True)
        thread.start()
        host, port = bound.getsockname()[:2]
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS + 2)


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, int(port)), family=family, backlog=256)
    except OSError as error:
        raise ConfigurationError(
            f"gate serve cannot listen on {listen}: {error.strerror or error}",
            hint="set GATE_SERVE_LISTEN to a free address of this machine, as host:port",
        ) from None
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each answer on a kept line waits for 40 ms
    return bound


def _config(app: Starlette) -> uvicorn.Config:
    options: dict[str, Any] = {
        "http": ImpatientProtocol,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # nobody is believed for an address that a header claims
        "server_header": False,
        "h11_max_incomplete_event_size": HEAD_BYTES,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }
    return uvicorn.Config(app, **options)
