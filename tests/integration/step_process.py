"""Runs one step of a release in a process of its own, so that it can be killed in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.kill_points import VARIABLE
from tasks.release import Release
from tests.integration.releasing import Shop

ROOT = Path(__file__).parents[2]


def run_step(
    step: str, shop: Shop, release: Release, plan: Plan, rehearsal: Rehearsal, kill_at: str = ""
) -> "subprocess.Popen[bytes]":
    """Start a step as another process would after it took the release up."""
    asked = {
        "step": step,
        "url": shop.url.get_secret_value(),
        "store": str(shop.store.root),
        "release": release.id,
        "policy": release.policy.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
        "rehearsal": rehearsal.model_dump(mode="json"),
    }
    environment = {**os.environ, VARIABLE: kill_at} if kill_at else dict(os.environ)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.step_process"], stdin=subprocess.PIPE, cwd=ROOT, env=environment
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(asked).encode())
    child.stdin.close()
    return child


def dies_at(point: str, step: str, shop: Shop, release_id: str, plan: Plan, rehearsal: Rehearsal) -> bool:
    """Run a step with a kill point; True when it was killed there."""
    child = run_step(step, shop, shop.open(release_id), plan, rehearsal, kill_at=point)
    return child.wait(60) == -signal.SIGKILL


def _main(asked: dict[str, Any]) -> None:
    from pydantic import SecretStr

    from tasks.apply_plan import apply_plan
    from tasks.clients.directory_store import DirectoryStore
    from tasks.gate.errors import GateError
    from tasks.recover import recover

    shop = Shop(server=None, url=SecretStr(asked["url"]), store=DirectoryStore(Path(asked["store"])))  # type: ignore[arg-type]
    release = shop.open(asked["release"], asked["policy"])
    plan, rehearsal = Plan.model_validate(asked["plan"]), Rehearsal.model_validate(asked["rehearsal"])
    if asked["step"] == "apply":
        apply_plan(release, plan, rehearsal)
    else:
        recover(release, plan, rehearsal, GateError("the application is not well"))


if __name__ == "__main__":
    _main(json.load(sys.stdin))
