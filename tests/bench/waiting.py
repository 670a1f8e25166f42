"""Releases that wait for approval, written as their events, without running the steps before."""

from datetime import UTC, datetime

from config.settings import read_policy
from tasks.clients.stores import open_store
from tasks.gate.approval import request
from tasks.record import Record, new_owner
from tasks.steps.open import new_id
from tests.acceptance.project import Project


def waiting_release(project: Project) -> str:
    """A release that asks for approval of some digest."""
    store = open_store(project.store)
    project.environment()  # writes its gate.toml, which an approval is bound to
    policy = read_policy(project.home / "gate.toml")
    now = datetime.now(UTC)
    release = new_id("shop", now)
    record = Record(store, "shop", release, owner=new_owner())
    record.append("opened", {"by": "bench", "door": "bench", "waivers": [], "identity": {}})
    asked = request("d" * 64, "a benchmark", started_by="bench", policy=policy, now=now)
    record.append("asked", {**asked.model_dump(mode="json"), "prefect": {}})
    return release
