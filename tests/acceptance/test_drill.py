"""A drill says whether the newest backup would bring production back, and never touches production."""

from tests.acceptance.project import Project


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


def _rot(project: Project) -> None:
    """One bit of the dump flips where it lies."""
    dump = next((project.home / "store").rglob("dump*"))
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.chmod(0o600)
    dump.write_bytes(content)
