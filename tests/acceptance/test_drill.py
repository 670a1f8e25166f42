"""A drill says whether the newest backup would bring production back, and never touches production."""

from tests.acceptance.project import Project


def test_a_drill_proves_the_newest_backup_and_walks_the_way_back_without_production(project: Project):
    project.begin()
    assert project.gate("backup", "--no-proof").code == 0
    away = "postgresql://nobody@127.0.0.1:1/shop"
    ended = project.gate("drill", "--json", GATE_PRODUCTION_URL=away)
    assert ended.code == 0, ended.all
    assert ended.document["held"] is True
    assert "swapped in" in ended.document["sentence"]
    backup = project.gate("backups", "--json").document[0]
    assert (backup["id"], backup["proved"]) == (ended.document["backup"], True)
    status = project.gate("status")
    assert "last drill" in status.out
    assert "held\n" in status.out
    databases = project.sql(project.production, "select datname from pg_database where datname like '%drill%'")
    assert databases == []


def test_a_backup_that_rotted_in_the_store_does_not_hold_and_status_says_so(project: Project):
    project.begin()
    assert project.gate("drill").code == 3
    assert project.gate("backup").code == 0
    dump = next((project.home / "store").rglob("dump*"))
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.chmod(0o600)
    dump.write_bytes(content)
    ended = project.gate("drill")
    assert ended.code == 3, ended.all
    assert "NOT-HELD" in ended.out
    assert "HINT" in ended.out
    assert project.gate("status", "--json").document["drill"]["held"] is False
