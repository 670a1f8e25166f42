"""Conditions that no release should begin beside, made to be there for real: a replica behind, a vacuum that must run.

`make doors` runs them: each needs a server of its own, and a hundred thousand transactions or a replica.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.prefect_runs import until
from tests.acceptance.project import Project
from tests.servers.postgres import FAST
from tests.servers.replica import NAME, replica_of

pytestmark = [pytest.mark.long("DOORS", "make doors"), pytest.mark.timeout(300)]
HOLDING = "waiting for the window"
EAGER = {"autovacuum_freeze_max_age": "100000", "autovacuum_naptime": "1s", "vacuum_freeze_min_age": "0"}
BURN = "do $$begin for n in 1..110000 loop perform txid_current(); commit; end loop; end$$"
AGAINST_WRAPAROUND = "select count(*) from pg_stat_activity where query like '%orders (to prevent wraparound)'"


@contextmanager
def production_on(project: Project, **settings: str) -> Iterator[EmbeddedServer]:
    """The project with production on a server of its own, ready for a release."""
    with EmbeddedServer(settings={**FAST, **settings}) as server:
        project.production = server.create_database("shop")
        project.ready()
        yield server


def released_once(project: Project, held_by: str, calm: "psycopg.Connection[tuple[object]]", end_it: str) -> None:
    """The release waits and says for what; it ships once that is over."""
    process = project.start("run", "--yes")
    release = project.waiting_release(state=HOLDING)
    time.sleep(2)
    assert held_by in project.gate("status").out
    assert "note" not in project.columns()
    calm.execute(end_it.encode())
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    assert "note" in project.columns()
    assert project.gate("report", release, "--verify").code == 0


def test_a_release_waits_for_a_replica_that_does_not_replay_and_ships_once_it_has_caught_up(project: Project):
    project.policy += "[conditions]\nreplica_lag_seconds = 5\n"
    with production_on(project) as server, replica_of(server) as replica:
        calm = project.gate("check")
        assert "nothing on production would hold a release now" in calm.out
        standby = replica.url("postgres", "127.0.0.1").get_secret_value()
        with psycopg.connect(standby, autocommit=True) as there:
            there.execute("select pg_wal_replay_pause()")
            project.sql(project.production, "update orders set total = total + 1")
            time.sleep(6)  # nothing is written meanwhile, so nothing makes the replica reply
            shown = project.gate("check").out
            assert f"- replica {NAME} is " in shown
            released_once(project, f"replica {NAME} is ", there, "select pg_wal_replay_resume()")


def test_a_release_waits_for_the_vacuum_that_prevents_wraparound_and_ships_when_it_is_done(project: Project):
    project.policy += "[conditions]\nwraparound_vacuum = true\n"
    with production_on(project, **EAGER) as server, psycopg.connect(project.production.get_secret_value()) as holds:
        holds.execute("lock table orders in share update exclusive mode")  # the vacuum waits for it, and is there
        project.sql(project.production, BURN)
        until(lambda: project.sql(server.url(), AGAINST_WRAPAROUND) == [(1,)], "a vacuum against wraparound", 120)
        shown = project.gate("check").out
        assert "- autovacuum: VACUUM " in shown
        assert "public.orders (to prevent wraparound), for " in shown
        released_once(project, "(to prevent wraparound)", holds, "rollback")
