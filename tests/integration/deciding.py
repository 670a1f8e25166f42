"""Twenty-five people of one process decide at once: `python -m tests.integration.deciding URL ID START NAME`."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from config.policy import Policy
from config.settings import Settings
from tasks.clients.stores import open_store
from tasks.decide import decide

PEOPLE = 25
TWO = Policy.model_validate({"approval": {"count": 2}})


def race(url: str, release: str, start: float, name: str) -> list[str]:
    """What each of them is told."""
    store = open_store(url)

    def one(number: int) -> str:
        time.sleep(max(0.0, start - time.time()))
        who = f"person-{name}-{number}"
        decided = decide(
            Settings(target="shop"), TWO, release, door="command-line", identity=who, approved=True, store=store
        )
        return decided.ruling.answer.value

    with ThreadPoolExecutor(PEOPLE) as people:
        return list(people.map(one, range(PEOPLE)))


if __name__ == "__main__":
    print(json.dumps(race(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])))
