"""The bundle: the same files have one digest, an exchanged one is refused, and no path leads out of its folder."""

import base64
import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from tasks.bundle import as_sent, keep, read_files
from tasks.clients.directory_store import DirectoryStore
from tasks.gate.bundle import describe, differences, pack, refuse_unfit, unpack
from tasks.gate.errors import Refused

COMMIT = "a" * 40
names = st.from_regex(r"\A(migrations|rollbacks)(/[a-zé0-9_.-]{1,12}x){1,3}\Z")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "drizzle"
    (folder / "meta").mkdir(parents=True)
    (folder / "rollback").mkdir()
    (folder / "meta" / "_journal.json").write_text('{"entries": []}')
    (folder / "meta" / "0000_snapshot.json").write_text("{}")
    (folder / "0000_init.sql").write_text("select 1;")
    (folder / "rollback" / "0000_init.sql").write_text("select 2;")
    return Settings(migrations=folder, target="shop")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@given(st.dictionaries(names, st.binary(max_size=40), max_size=6))
def test_what_is_packed_comes_back_under_its_digest_and_under_no_other(files: dict[str, bytes]):
    digest = describe(files, COMMIT).digest
    try:
        refuse_unfit(files)
    except Refused:
        return  # a file that lies below another file
    assert unpack(pack(files), digest) == files
    with pytest.raises(Refused, match="is not the one that CI saw"):
        unpack(pack({**files, "migrations/more.sql": b""}), digest)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way_than_refusing(blob: bytes):
    with pytest.raises(Refused):
        unpack(blob, "0" * 64)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "migrations/../../etc/passwd", "migrations//x", "other/x", "migrations", "migrations/\0", ".."],
)
def test_a_path_that_leads_elsewhere_is_refused_though_its_digest_fits(path: str):
    digest = describe({path: b"x"}, "").digest
    blob = json.dumps({"format": 1, "files": {path: base64.b64encode(b"x").decode()}}).encode()
    with pytest.raises(Refused, match="is no path that a bundle of migrations may hold"):
        unpack(blob, digest)


def test_the_journal_the_sql_and_the_rollbacks_travel_and_the_snapshots_do_not(settings: Settings):
    assert sorted(read_files(settings)) == [
        "migrations/0000_init.sql",
        "migrations/meta/_journal.json",
        "rollbacks/0000_init.sql",
    ]


def test_a_link_that_leads_out_of_the_folder_does_not_travel(settings: Settings, tmp_path: Path):
    (tmp_path / "secret").write_text("password")
    (settings.migrations / "0001_link.sql").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused, match="leads outside of the migrations folder"):
        read_files(settings)


def test_the_worker_runs_the_bytes_that_ci_kept_whatever_its_own_folder_holds(
    settings: Settings, store: DirectoryStore
):
    files = read_files(settings)
    sent = describe(files, COMMIT)
    keep(store, "shop", files, sent)
    keep(store, "shop", files, sent)
    (settings.migrations / "0000_init.sql").write_text("drop table orders;")
    with ExitStack() as closing:
        laid_out = as_sent(settings, store, sent, closing)
        assert (laid_out.migrations / "0000_init.sql").read_text() == "select 1;"
        assert (laid_out.rollback_folder / "0000_init.sql").read_text() == "select 2;"
        folder = laid_out.migrations
    assert not folder.exists()


def test_an_object_that_somebody_exchanged_is_refused(settings: Settings, store: DirectoryStore):
    files = read_files(settings)
    sent = describe(files, COMMIT)
    store.create(f"shop/artifacts/{sent.digest}.json", pack({"migrations/0000_init.sql": b"drop table orders;"}))
    with ExitStack() as closing, pytest.raises(Refused, match="is not the one that CI saw"):
        as_sent(settings, store, sent, closing)


def test_without_the_store_the_workers_folder_must_be_equal_and_the_sentence_names_the_file(
    settings: Settings, store: DirectoryStore
):
    sent = describe(read_files(settings), COMMIT)
    with ExitStack() as closing:
        assert as_sent(settings, store, sent, closing) == settings
        (settings.migrations / "0000_init.sql").write_text("select 3;")
        with pytest.raises(Refused, match=r"migrations/0000_init\.sql has other bytes") as caught:
            as_sent(settings, store, sent, closing)
        assert caught.value.exit_code == 3
        with pytest.raises(Refused, match="its digest is"):
            as_sent(settings, store, sent.model_copy(update={"files": {}}), closing)


def test_a_missing_and_a_further_file_are_told_apart():
    assert differences({"a": "x", "b": "y"}, {"b": b"", "c": b""})[::2] == (
        "a is missing",
        "c is here, and CI did not have it",
    )
