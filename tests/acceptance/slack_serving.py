"""`gate serve` as a process of its own, for tests that send it more than a person ever would."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.slack import CHANNEL, SIGNING_SECRET, TOKEN, Workspace

GATE = str(Path(sys.executable).with_name("gate"))


@dataclass
class Served:
    """A running endpoint."""

    process: "subprocess.Popen[str]"
    address: str
    said: list[str] = field(default_factory=list)

    def memory_megabytes(self) -> float:
        """What the process holds, resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


def environment(slack: Workspace, home: Path, listen: str = "127.0.0.1:0") -> dict[str, str]:
    """Only what the endpoint needs: no production URL among it."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GATE_TARGET": "shop",
        "GATE_STORE_URL": (home / "store").as_uri(),
        "GATE_SLACK_CHANNEL": CHANNEL,
        "GATE_SLACK_BOT_TOKEN": TOKEN,
        "GATE_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "GATE_SLACK_API_URL": slack.api_url,
        "GATE_SERVE_LISTEN": listen,
    }


def start(slack: Workspace, home: Path, **how: Any) -> Served:
    """Start `gate serve` and wait until it answers."""
    process = subprocess.Popen(
        [GATE, "serve", "--json"],
        cwd=home,
        env=environment(slack, home, **how),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    errors = process.stderr
    threading.Thread(target=lambda: said.extend(errors), daemon=True).start()
    first = process.stdout.readline()
    found = re.match(r"answering on (http://\S+);", first)
    assert found, first + "".join(said)
    return Served(process, found[1], said)


def stop(served: Served, number: int = signal.SIGTERM) -> int:
    """End it; its exit code."""
    served.process.send_signal(number)
    code = served.process.wait(20)
    assert served.process.stdout is not None
    served.process.stdout.close()
    return code


@contextmanager
def serving(slack: Workspace, home: Path, **how: Any) -> Iterator[Served]:
    """A running endpoint until the end of the block."""
    served = start(slack, home, **how)
    try:
        yield served
    finally:
        stop(served)
