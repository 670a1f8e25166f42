"""A drill says whether the newest backup would bring production back, and never touches production."""

import signal

import pytest

from tasks.clients.configured_scratch import MARK
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import Project
from tests.servers.postgres import FAST

LEFT = """
select datname, shobj_description(oid, 'pg_database') from pg_database
 where not datistemplate and datname <> 'postgres' order by 1
"""


def test_a_drill_walks_the_way_back_without_production_and_says_when_the_backup_does_not_hold(project: Project):
    project.begin()
    none = project.gate("drill")
    assert none.code == 3
    assert "has no backup" in none.out
    assert project.gate("backup", "--no-proof").code == 0
    ended = project.gate("drill", "--json", GATE_PRODUCTION_URL="postgresql://nobody@127.0.0.1:1/shop")
    assert (ended.code, ended.document["held"]) == (0, True), ended.all
    assert "swapped in" in ended.document["sentence"]
    backup = project.gate("backups", "--json").document[0]
    assert (backup["id"], backup["proved"]) == (ended.document["backup"], True)
    assert project.sql(project.production, "select datname from pg_database where datname like '%drill%'") == []
    _rot(project)
    rotten = project.gate("drill")
    assert rotten.code == 3
    assert "NOT-HELD" in rotten.out
    assert "HINT" in rotten.out
    status = project.gate("status")
    assert "last drill" in status.out
    assert "did NOT hold" in status.out


@pytest.mark.long("KILL_MATRIX", "make kill-matrix")
def test_a_drill_that_is_killed_leaves_nothing_on_the_teams_server_that_the_next_one_does_not_drop(project: Project):
    project.begin()
    project.sql(
        project.production, "do $$begin execute format('comment on database %I is ''ours''', current_database()); end$$"
    )
    assert project.gate("backup", "--no-proof").code == 0
    with EmbeddedServer(settings=FAST) as scratch:
        there = {"GATE_SCRATCH_URL": scratch.url().get_secret_value(), "GATE_PG_BIN": "-"}
        for point in ("restore:in-stream#2", "restore:restored", "restore:carried", "swap:renamed"):
            killed = project.gate("drill", GATE_KILL_AT=point, **there)
            assert killed.code == -signal.SIGKILL, killed.all
            left = project.sql(scratch.url(), LEFT)
            assert any("drill" in name for name, _ in left), point
            assert {comment for _, comment in left} == {MARK}, point
        ended = project.gate("drill", **there)
        assert ended.code == 0, ended.all
        assert project.sql(scratch.url(), LEFT) == []


def _rot(project: Project) -> None:
    """One bit of the dump flips where it lies."""
    dump = next((project.home / "store").rglob("dump*"))
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.chmod(0o600)
    dump.write_bytes(content)
