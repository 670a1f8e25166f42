"""A proxy before a real PostgreSQL that announces another process number, as a connection pooler does."""

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import SecretStr

from tasks.clients.address import make_url, parameters

KEY = b"K\x00\x00\x00\x0c"  # BackendKeyData: its length with two numbers, of which the first is the process


@contextmanager
def pooler_like_proxy(url: SecretStr, *, announces: int) -> Iterator[SecretStr]:
    """A URL that leads to the same database, through a wire that changes the announced process number."""
    found = parameters(url)
    there = (found["host"], int(found["port"]))
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def carry(client: socket.socket) -> None:
        with client, socket.create_connection(there) as server, suppress(OSError):
            while not done.is_set():
                for ready in select.select([client, server], [], [], 0.1)[0]:
                    piece = ready.recv(65536)
                    if not piece:
                        return
                    if ready is server:
                        at = piece.find(KEY)
                        if at >= 0:
                            start = at + len(KEY)
                            piece = piece[:start] + struct.pack("!I", announces) + piece[start + 4 :]
                        client.sendall(piece)
                    else:
                        server.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=carry, args=[client], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    port = str(listener.getsockname()[1])
    try:
        yield make_url({**found, "host": "127.0.0.1", "port": port, "sslmode": "disable"})
    finally:
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
