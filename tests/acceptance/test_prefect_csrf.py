"""A Prefect server that asks every caller for a CSRF token: each of our own calls brings one.

`make engine-failures` runs it: a whole release through a Prefect server of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.demo.prefect_server import PrefectServer
from flows.prefect_rest import PrefectApi
from tests.acceptance.prefect_runs import api, served, state, until, watched
from tests.acceptance.project import Project

__all__ = ["served", "watched"]  # fixtures
pytestmark = pytest.mark.long("ENGINE_FAILURES", "make engine-failures")


class Asking(PrefectServer):
    """A server with the setting that is off by default."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true"}


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[PrefectServer]:
    server = Asking(tmp_path / "prefect")
    try:
        yield server.start()
    finally:
        server.stop()


def test_a_release_is_started_shown_and_woken_although_the_server_asks_for_a_token(served: Project):
    started = served.gate("trigger", "--json")
    assert started.code == 0, started.all
    run = str(started.document["flow_run"])
    until(lambda: state(served, run)["name"] == "Suspended", "the run is suspended", 120)
    assert served.gate("approve", served.waiting_release()).code == 0
    until(lambda: state(served, run)["type"] == "COMPLETED", "the run was woken and has ended", 120)
    assert "note" in served.columns()
    client = PrefectApi(api(served))
    assert any("Rehearse: " in line for line in client.lines(run, 0))
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    keys = {found["key"] for found in client._send("POST", "/artifacts/filter", wanted).json()}
    assert keys >= {"plan", "rehearse"}
