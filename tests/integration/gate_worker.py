"""A gate at its apply step, again and again: a line of the input is a release, the next one says when.

`python -m tests.integration.gate_worker`; a process that is warm, as one is that waited for an approval.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.apply_plan import apply_plan
from tasks.clients.directory_store import DirectoryStore
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.schema_before import keep_schema_before
from tests.integration.releasing import NOT_REHEARSED, Shop


def one(asked: dict[str, Any]) -> str:
    """Get ready, wait for a line with a number, and apply so many seconds later."""
    plan = Plan.model_validate(asked["plan"])
    shop = Shop(server=None, url=SecretStr(asked["url"]), store=DirectoryStore(Path(asked["store"])))  # type: ignore[arg-type]
    release = shop.release(plan, policy=asked["policy"], release_id=asked["release"])
    keep_schema_before(release, plan)  # asks pg_dump; done by the first of several attempts
    print("ready", flush=True)
    time.sleep(float(sys.stdin.readline()))
    try:
        return f"applied: {apply_plan(release, plan, NOT_REHEARSED).sentence}"
    except GateError as error:
        return f"{type(error).__name__}: {error.message}"


if __name__ == "__main__":
    while line := sys.stdin.readline():
        print(json.dumps(one(json.loads(line))), flush=True)
