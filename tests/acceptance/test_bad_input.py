"""Bad input of many kinds: plain sentences with the remedy, the right exit code, nothing touched, no secret."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.project import Ended, Project
from tests.servers.line import Fate, line_to
from tests.servers.seaweed import BUCKET

PASSWORD = "c4nary-pa55word"  # looked for in everything that is printed


def no_folder(project: Project) -> dict[str, str]:
    return {"GATE_MIGRATIONS": str(project.home / "nowhere")}


def no_journal(project: Project) -> dict[str, str]:
    (project.home / "empty").mkdir()
    return {"GATE_MIGRATIONS": str(project.home / "empty")}


def journal_is_not_json(project: Project) -> dict[str, str]:
    (project.folder / "meta" / "_journal.json").write_text("{")
    return {}


def journal_without_entries(project: Project) -> dict[str, str]:
    (project.folder / "meta" / "_journal.json").write_text('{"version": "7", "dialect": "postgresql"}')
    return {}


def journal_of_another_dialect(project: Project) -> dict[str, str]:
    path = project.folder / "meta" / "_journal.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dialect": "mysql"}))
    return {}


def missing_file(project: Project) -> dict[str, str]:
    (project.folder / f"{project.tags[-1]}.sql").unlink()
    return {}


def no_url(_: Project) -> dict[str, str]:
    return {"GATE_PRODUCTION_URL": "-"}


def not_a_url(_: Project) -> dict[str, str]:
    return {"GATE_PRODUCTION_URL": f"mysql://gate:{PASSWORD}@127.0.0.1/shop"}


def wrong_host(_: Project) -> dict[str, str]:
    return {"GATE_PRODUCTION_URL": f"postgresql://gate:{PASSWORD}@nowhere.invalid/shop"}


def wrong_port(_: Project) -> dict[str, str]:
    return {"GATE_PRODUCTION_URL": f"postgresql://gate:{PASSWORD}@127.0.0.1:1/shop"}


def wrong_password(project: Project) -> dict[str, str]:
    url = project.production.get_secret_value()
    return {"GATE_PRODUCTION_URL": re.sub(r"(//[^:/@]+:)[^@]*@", rf"\g<1>{PASSWORD}@", url)}


def no_such_database(project: Project) -> dict[str, str]:
    head, _, tail = project.production.get_secret_value().rpartition("/")
    return {"GATE_PRODUCTION_URL": f"{head}/nowhere{'?' + tail.split('?')[1] if '?' in tail else ''}"}


def no_privilege(project: Project) -> dict[str, str]:
    role = f"reader_{project.mark}"
    project.sql(project.production, f"create role {role} login password '{PASSWORD}'")
    url = project.production.get_secret_value()
    return {"GATE_PRODUCTION_URL": re.sub(r"//[^@]*@", f"//{role}:{PASSWORD}@", url)}


def unreachable_store(_: Project) -> dict[str, str]:
    return {
        "GATE_STORE_URL": "s3://bucket/gate?endpoint_url=http://127.0.0.1:1&region=us-east-1",
        "AWS_ACCESS_KEY_ID": "GATE",
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
    }


def store_of_an_unknown_kind(_: Project) -> dict[str, str]:
    return {"GATE_STORE_URL": "ftp://somewhere/else"}


def store_that_is_a_file(project: Project) -> dict[str, str]:
    (project.home / "file").write_text("x")
    return {"GATE_STORE_URL": (project.home / "file").as_uri()}


def production_equal_to_staging(project: Project) -> dict[str, str]:
    return {"GATE_STAGING_URL": project.production.get_secret_value()}


def misspelt_variable(_: Project) -> dict[str, str]:
    return {"GATE_STAGNG_URL": "x"}


def misspelt_key(project: Project) -> dict[str, str]:
    project.policy += "\n[aply]\nattempts = 3\n"
    return {}


def no_programs(project: Project) -> dict[str, str]:
    (project.home / "bin").mkdir()
    return {"GATE_PG_BIN": str(project.home / "bin")}


def client_older_than_the_server(project: Project) -> dict[str, str]:
    folder = project.home / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "pg_dumpall", "psql", "initdb", "postgres", "pg_ctl"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 12.22'\n")
        (folder / name).chmod(0o755)
    return {"GATE_PG_BIN": str(folder)}


def sql_that_does_not_parse(project: Project) -> dict[str, str]:
    (project.folder / f"{project.tags[-1]}.sql").write_text("ALTER TABEL orders ADD COLUMN note text;")
    return {}


def a_statement_that_refuses_a_transaction(project: Project) -> dict[str, str]:
    (project.folder / f"{project.tags[-1]}.sql").write_text("CREATE INDEX CONCURRENTLY i ON orders (total);")
    return {}


def transaction_control_in_a_file(project: Project) -> dict[str, str]:
    (project.folder / f"{project.tags[-1]}.sql").write_text("CREATE TABLE t (i int); COMMIT; CREATE TABLE u (i int);")
    return {}


BAD: list[tuple[Callable[[Project], dict[str, str]], int, str]] = [
    (no_folder, 2, r"nowhere"),
    (no_journal, 2, r"no Drizzle migrations|meta/_journal\.json"),
    (journal_is_not_json, 3, r"_journal\.json"),
    (journal_without_entries, 3, r"entries"),
    (journal_of_another_dialect, 3, r"mysql"),
    (missing_file, 3, r"0001_note\.sql"),
    (no_url, 2, r"GATE_PRODUCTION_URL is not set"),
    (not_a_url, 2, r"GATE_PRODUCTION_URL cannot be used: a postgresql:// URL is wanted"),
    (wrong_host, 2, r"nowhere\.invalid"),
    (wrong_port, 2, r"127\.0\.0\.1"),
    (wrong_password, 2, r"password"),
    (no_such_database, 2, r"nowhere"),
    (no_privilege, 2, r"privilege|permission|denied|may not"),
    (unreachable_store, 2, r"127\.0\.0\.1:1"),
    (store_of_an_unknown_kind, 2, r"s3://|file:///"),
    (store_that_is_a_file, 2, r"file"),
    (production_equal_to_staging, 3, r"staging"),
    (misspelt_variable, 2, r"did you mean GATE_STAGING_URL"),
    (misspelt_key, 2, r"did you mean apply"),
    (no_programs, 2, r"pg_dump"),
    (client_older_than_the_server, 3, r"older|12\.22"),
    (sql_that_does_not_parse, 3, r"0001_note"),
    (a_statement_that_refuses_a_transaction, 3, r"CONCURRENTLY|transaction"),
    (transaction_control_in_a_file, 3, r"COMMIT|transaction"),
]


@pytest.mark.parametrize(("spoil", "code", "sentence"), BAD, ids=[b[0].__name__ for b in BAD])
def test_bad_input_is_refused_in_plain_words(
    project: Project, spoil: Callable[[Project], dict[str, str]], code: int, sentence: str
):
    project.ready()
    before = (project.contents(), project.ledger(), project.columns())
    ended = project.gate("run", "--yes", **spoil(project))
    assert ended.code == code, ended.all
    assert re.search(sentence, ended.all), ended.all
    assert (project.contents(), project.ledger(), project.columns()) == before
    _is_plain(ended)


def test_an_unknown_id_is_named_with_what_to_do(project: Project):
    project.ready()
    for command in (["approve", "20990101-000000-shop-ffffff"], ["resume", "nonsense"], ["report", "nonsense"]):
        ended = project.gate(*command)
        assert ended.code == 2, ended.all
        assert command[1] in ended.err
        _is_plain(ended)


def test_an_unknown_backup_is_named(project: Project):
    project.ready()
    ended = project.gate("verify", "backup-20990101-000000")
    assert ended.code == 2, ended.all
    assert "backup-20990101-000000" in ended.err
    _is_plain(ended)


def test_a_misspelt_command_names_the_nearest(project: Project):
    ended = project.gate("statsu")
    assert ended.code == 2
    assert "did you mean status?" in ended.err


def test_two_targets_with_one_name_are_told_apart(project: Project):
    project.ready()
    assert project.gate("run", "--yes").code == 0
    project.add("more", ("ALTER TABLE orders ADD COLUMN more text;",))
    swapped = project.gate(
        "run",
        "--yes",
        GATE_PRODUCTION_URL=project.staging.get_secret_value(),
        GATE_STAGING_URL=project.production.get_secret_value(),
    )
    assert swapped.code == 3, swapped.all
    assert "identity" in swapped.all.splitlines()[-2], swapped.all
    _is_plain(swapped)


def test_a_read_only_store_changes_nothing(project: Project, tmp_path: Path):
    project.ready()
    readonly = Path("/proc/sys/kernel") if shutil.os.geteuid() == 0 else tmp_path / "readonly"
    if not readonly.exists():
        readonly.mkdir(mode=0o500)
    ended = project.gate("run", "--yes", GATE_STORE_URL=readonly.as_uri())
    assert ended.code == 2, ended.all
    assert "note" not in project.columns()
    _is_plain(ended)


def _is_plain(ended: Ended) -> None:
    """No traceback, no secret, not more than a screen."""
    assert "Traceback" not in ended.all
    assert PASSWORD not in ended.all
    assert "defect in Gate" not in ended.all
    assert "HINT:" in ended.all or "did you mean" in ended.all or "is wanted" in ended.all, ended.all


def test_a_store_that_ignores_conditional_writes_is_refused(project: Project, s3_server: SeaweedServer):
    project.ready()
    project.extra |= s3_server.environment
    with line_to(s3_server) as line:
        line.fate = lambda _operation, _count: Fate.UNCONDITIONAL
        ended = project.gate("run", "--yes", GATE_STORE_URL=line.url(BUCKET, "ignoring"))
    assert ended.code == 3, ended.all
    assert "If-None-Match" in ended.all
    assert "note" not in project.columns()
    _is_plain(ended)


def test_an_s3_store_that_may_only_be_read_and_a_bucket_that_is_not_there_are_named(
    project: Project, s3_server: SeaweedServer
):
    project.ready()
    for variables, bucket in ((s3_server.reader_environment, BUCKET), (s3_server.environment, "no-such-bucket")):
        ended = project.gate("run", "--yes", GATE_STORE_URL=s3_server.url(bucket, "x"), **variables)
        assert ended.code == 2, ended.all
        assert bucket in ended.all
        assert s3_server.secret_key not in ended.all
        _is_plain(ended)


@pytest.mark.long("DOORS", "make doors")
def test_a_whole_release_over_s3_ships(project: Project, s3_server: SeaweedServer):
    project.ready()
    project.store = s3_server.url(BUCKET, f"release-{project.mark}")
    project.extra |= s3_server.environment
    ended = project.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    backups = project.gate("backups", "--json").document
    assert [b["proved"] for b in backups] == [True]
    uploads = s3_server.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert [u["Key"] for u in uploads if u["Key"].startswith("release-")] == []


def test_a_clock_in_the_past_releases_nothing_and_waits_until_the_end_it_shows(project: Project):
    """Order is by number and not by time, so a clock that goes back can neither reorder nor revive anything."""
    project.ready()
    process = project.start("run", "--json")
    release = project.waiting_release()
    process.kill()
    process.communicate()
    story = project.gate("status", "--json").document["releases"][0]
    assert story["expires_at"] > story["started_at"]
    assert project.gate("reject", release, "--reason", "enough").code == 0
    assert project.gate("resume", release, "--json").document["outcome"] == "rejected"
    assert project.gate("approve", release).code == 3
