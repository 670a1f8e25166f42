"""Scratch servers: private, fit for the backup, never production's, and gone on every way out."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import parameters
from tasks.clients.programs import Programs, all_installed
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.clients.server_account import NOBODY, is_root
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.manifest import Manifest


@pytest.fixture(scope="module")
def server(scratch_programs: Programs) -> Iterator[ScratchServer]:
    """One throw-away cluster for the tests that only look at what is in it."""
    with scratch_server(scratch_programs, configured=None, never=None, settings={"work_mem": "7MB"}) as running:
        yield running


def folder_of(url: SecretStr) -> Path:
    return Path(parameters(url)["host"])


def test_a_throw_away_cluster_is_private_and_without_tcp(server: ScratchServer, scratch_programs: Programs):
    folder = folder_of(server.url)
    assert server.own
    assert server.major == scratch_programs.major
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == (NOBODY if is_root() else os.geteuid())
    with postgres.connect(server.url, purpose="test") as connection:
        names = ("listen_addresses", "fsync", "wal_level", "autovacuum", "work_mem")
        shown = [connection.execute(f"show {name}").fetchone()[0] for name in names]
    assert shown == ["", "off", "replica", "off", "7MB"]


def test_the_socket_alone_lets_nobody_in(server: ScratchServer):
    without_password = {k: v for k, v in parameters(server.url).items() if k != "password"}
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**without_password, passfile="/nonexistent")


def test_databases_are_made_copied_and_dropped(server: ScratchServer):
    with postgres.connect(server.create_database("Odd name"), purpose="test") as connection:
        connection.execute("create table t as select 1 as x")
    with postgres.connect(server.create_database("copy", template="Odd name"), purpose="test") as connection:
        assert connection.execute("select x from t").fetchone() == (1,)
        server.drop_database("copy")
    server.drop_database("copy")
    with pytest.raises(ConfigurationError, match="there is no database copy"):
        postgres.connect(server.database_url("copy"), purpose="test")


def test_a_name_that_is_taken_is_said_and_what_is_there_stays(server: ScratchServer):
    server.create_database("taken")
    with pytest.raises(ConfigurationError, match='cannot create database taken: database "taken" already exists'):
        server.create_database("taken")
    postgres.connect(server.database_url("taken"), purpose="test").close()


def test_the_database_has_the_backups_encoding(server: ScratchServer):
    latin = Manifest.model_construct(encoding="LATIN1", collate="C", ctype="C")
    with postgres.connect(server.create_database("latin", like=latin), purpose="test") as connection:
        assert connection.execute("show server_encoding").fetchone() == ("LATIN1",)


@pytest.mark.parametrize(
    "odd",
    [
        Manifest.model_construct(collate="xx_YY.UTF-8", ctype="xx_YY.UTF-8"),
        Manifest.model_construct(locale_provider="i", icu_locale="de"),
        Manifest.model_construct(encoding="KLINGON"),
    ],
    ids=["locale", "ICU", "encoding"],
)
def test_a_locale_that_the_server_lacks_is_refused(server: ScratchServer, odd: Manifest):
    with pytest.raises(Refused) as refused:
        server.create_database("odd", like=odd)
    assert "the scratch server cannot hold a database like the backup's" in refused.value.message
    assert "GATE_SCRATCH_URL" in refused.value.hint


def test_the_built_in_locale_of_the_backup_is_kept(server: ScratchServer):
    built_in = Manifest.model_construct(locale_provider="b", icu_locale="C.UTF-8", collate="C", ctype="C")
    with postgres.connect(server.create_database("builtin", like=built_in), purpose="test") as connection:
        ask = "select datlocprovider, datlocale from pg_database where datname = current_database()"
        assert connection.execute(ask).fetchone() == ("b", "C.UTF-8")


def test_an_icu_database_is_made_where_the_server_knows_icu(own_temporary_folder):
    servers = [p for p in all_installed(None) if p.has_server and not p.embedded]
    for programs in servers:  # the wheel has no ICU
        the_database_is_german(programs)


def the_database_is_german(programs: Programs):
    with scratch_server(programs, configured=None, never=None) as server:
        german = Manifest.model_construct(locale_provider="i", icu_locale="de", collate="C", ctype="C")
        with postgres.connect(server.create_database("german", like=german), purpose="test") as connection:
            assert connection.execute("select 'ä' < 'b'").fetchone() == (True,)


def test_a_long_temporary_path_still_gives_a_socket(monkeypatch, own_temporary_folder, scratch_programs: Programs):
    long = own_temporary_folder / ("long" * 20)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        assert len(list(long.iterdir())) == 1
        socket = folder_of(server.url)
        assert long not in socket.parents
        assert socket.stat().st_mode & 0o777 == 0o700
    assert not socket.exists()
    assert list(long.iterdir()) == []
    long.rmdir()


def test_a_cluster_that_cannot_start_says_why_and_leaves_nothing(own_temporary_folder, scratch_programs: Programs):
    with (
        pytest.raises(ConfigurationError) as failed,
        scratch_server(scratch_programs, configured=None, never=None, settings={"no_such_setting": "1"}),
    ):
        pass
    assert 'unrecognized configuration parameter "no_such_setting"' in failed.value.message
    assert "TMPDIR" in failed.value.hint
