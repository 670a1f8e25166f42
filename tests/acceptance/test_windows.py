"""An approved release that may not begin yet: it waits and says for what, can be killed, taken up and stopped."""

import signal
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.acceptance.project import Project

HOLDING = "waiting for the window"


def test_a_release_waits_while_production_is_not_calm_is_killed_taken_up_and_ships_when_it_is(project: Project):
    tag = project.ready()
    project.policy += "[conditions]\nlong_transaction_seconds = 0.1\n"
    with psycopg.connect(project.production.get_secret_value()) as busy:
        busy.execute("select 1")
        process = project.start("run", "--yes")
        release = project.waiting_release(state=HOLDING)
        assert "has a transaction open" in project.gate("status").out
        process.send_signal(signal.SIGKILL)
        process.communicate()
        second = project.gate("run", "--yes")
        assert (second.code, f"gate resume {release} waits on for it" in second.err) == (7, True), second.all
        resumed = project.start("resume", release, "--json")
        assert resumed.stderr is not None
        assert any("waiting until production is calm" in line for line in resumed.stderr)
        assert "note" not in project.columns()
    out, err = resumed.communicate(timeout=90)
    assert resumed.returncode == 0, out + err
    assert tag in out
    assert "Wait for the window" in err
    assert project.gate("report", release, "--verify").code == 0


@pytest.mark.long("DOORS", "make doors")
def test_a_frozen_release_says_until_when_and_can_be_stopped_although_it_was_approved(project: Project):
    project.ready()
    end = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    project.policy += f'[[freeze]]\nstart = 2020-01-01\nend = {end:%Y-%m-%dT%H:%M:%S}\nreason = "stocktaking"\n'
    before = (project.contents(), project.columns(), project.ledger())
    process = project.start("run", "--yes", "--json")
    release = project.waiting_release(state=HOLDING)
    shown = project.gate("status").out
    assert f"waiting for the window until {end:%Y-%m-%d %H:%M} UTC: frozen until" in shown
    assert "(stocktaking)" in shown
    assert project.gate("approve", release).code == 3
    assert project.gate("reject", release, "--reason", "the fix was wrong").code == 0
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "the fix was wrong" in out
    assert (project.contents(), project.columns(), project.ledger()) == before
