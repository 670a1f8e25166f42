"""An upload that never ends, for a test to kill: `python -m tests.integration.uploading URL KEY`."""

import sys
import time
from collections.abc import Iterator

from tasks.clients.stores import open_store

MEBIBYTE = b"x" * (1 << 20)


def endless() -> Iterator[bytes]:
    """Twelve MiB at once, so that parts are on their way, then nothing more."""
    for _ in range(12):
        yield MEBIBYTE
    print("under way", flush=True)
    while True:
        time.sleep(0.05)
        yield b""


if __name__ == "__main__":
    open_store(sys.argv[1]).upload(sys.argv[2], endless(), part_bytes=5 << 20)
