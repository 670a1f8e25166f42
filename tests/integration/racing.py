"""Four writers of one process in a race for a key: `python -m tests.integration.racing URL KEY START`."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tasks.clients.object_store import AlreadyThere
from tasks.clients.stores import open_store


def race(url: str, key: str, start: float, name: str) -> list[str]:
    """Write the key at the moment `start`; returns who of the four won."""

    def write(number: int) -> str:
        store = open_store(url)
        body = f"{name}-{number}"
        time.sleep(max(0.0, start - time.time()))
        try:
            store.create(key, body.encode())
        except AlreadyThere:
            return ""
        return body

    with ThreadPoolExecutor(4) as writers:
        return [winner for winner in writers.map(write, range(4)) if winner]


if __name__ == "__main__":
    print("\n".join(race(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])))
