"""Slack's end of Socket Mode: says hello, hands over presses in envelopes, and keeps what is acknowledged."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.server import ServerConnection, serve

from tests.servers.slack import Workspace


class Socket:
    """The newest connection of the gate."""

    def __init__(self) -> None:
        self.connections = 0
        self.acknowledged: queue.Queue[dict[str, Any]] = queue.Queue()
        self.line: ServerConnection | None = None
        self.open = threading.Event()

    def take(self, line: ServerConnection) -> None:
        line.send(json.dumps({"type": "hello", "num_connections": 1}))
        self.line = line
        self.connections += 1
        self.open.set()
        for frame in line:
            self.acknowledged.put(json.loads(frame))

    def send(self, frame: object) -> None:
        assert self.open.wait(10), "the gate did not connect"
        assert self.line is not None
        self.line.send(frame if isinstance(frame, str) else json.dumps(frame))

    def press(self, payload: object, envelope: str = "e-1") -> dict[str, Any]:
        """Hand over a press; what the gate acknowledged."""
        self.send(
            {"type": "interactive", "envelope_id": envelope, "payload": payload, "accepts_response_payload": True}
        )
        return self.acknowledged.get(timeout=10)


@contextmanager
def socket_mode(slack: Workspace) -> Iterator[Socket]:
    """A WebSocket server that `apps.connections.open` names."""
    found = Socket()
    with serve(found.take, "127.0.0.1", 0) as server:
        slack.socket_url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/link"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()
