"""A wire before a real PostgreSQL that breaks at a chosen statement: before it arrives, or before its answer does."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from pydantic import SecretStr

from tasks.clients.address import make_url, parameters


class Cut(Enum):
    """When the wire breaks."""

    BEFORE = auto()  # the statement never reaches the server
    REPLY = auto()  # it does, and its answer never reaches the client


@dataclass
class Wire:
    """Breaks once, at the statement that contains `at`."""

    at: bytes
    cut: Cut
    then: Callable[[], None] = lambda: None  # called at the break
    broken: threading.Event = field(default_factory=threading.Event)
    down: threading.Event = field(default_factory=threading.Event)  # while set, nobody gets through any more
    url: SecretStr = field(default_factory=lambda: SecretStr(""))

    def carry(self, client: socket.socket, there: tuple[str, int], done: threading.Event) -> None:
        with client, socket.create_connection(there) as server, suppress(OSError):
            while not done.is_set() and not self.down.is_set():
                for ready in select.select([client, server], [], [], 0.05)[0]:
                    piece = ready.recv(65536)
                    if not piece:
                        return
                    if ready is server:
                        client.sendall(piece)
                    elif self.at in piece and not self.broken.is_set():
                        self._break(server, piece)
                        return
                    else:
                        server.sendall(piece)

    def _break(self, server: socket.socket, piece: bytes) -> None:
        if self.cut is Cut.REPLY:
            server.sendall(piece)
            server.recv(65536)  # it is done there
        self.broken.set()
        self.then()


@contextmanager
def breaking_wire(url: SecretStr, at: bytes = b"commit\0", cut: Cut = Cut.REPLY) -> Iterator[Wire]:
    """A wire to the same database; `wire.url` leads through it."""
    found = parameters(url)
    there = (found["host"], int(found["port"]))
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()
    wire = Wire(at, cut)
    port = str(listener.getsockname()[1])
    wire.url = make_url({**found, "host": "127.0.0.1", "port": port, "sslmode": "disable"})

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                if wire.down.is_set():
                    client.close()
                    continue
                threading.Thread(target=wire.carry, args=[client, there, done], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        done.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
