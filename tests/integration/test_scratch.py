"""Scratch servers: private, fit for the backup, never production's, and gone on every way out."""

import os
import tempfile
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tasks.clients import postgres, scratch
from tasks.clients.address import parameters
from tasks.clients.cluster_folder import survivors
from tasks.clients.programs import Programs, all_installed
from tasks.clients.scratch import scratch_server
from tasks.clients.server_account import NOBODY, is_root
from tasks.gate.errors import ConfigurationError
from tasks.gate.manifest import Manifest

pytestmark = pytest.mark.usefixtures("own_temporary_folder")


def folder_of(url: SecretStr) -> Path:
    return Path(parameters(url)["host"])


def test_a_throw_away_cluster_is_private_and_without_tcp(scratch_programs: Programs):
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        folder = folder_of(server.url)
        assert server.own
        assert server.major == scratch_programs.major
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == (NOBODY if is_root() else os.geteuid())
        with postgres.connect(server.url, purpose="test") as connection:
            shown = [connection.execute(f"show {name}").fetchone()[0] for name in ("listen_addresses", "fsync")]
            assert shown == ["", "off"]
            assert connection.execute("show wal_level").fetchone() == ("replica",)
            row = connection.execute("select inet_server_addr()").fetchone()
            assert row == (None,)
        without_password = {k: v for k, v in parameters(server.url).items() if k != "password"}
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(**without_password, passfile="/nonexistent")
    assert not folder.exists()
    assert survivors(folder) == []


def test_databases_are_made_copied_and_dropped(scratch_programs: Programs):
    with scratch_server(scratch_programs, configured=None, never=None, settings={"work_mem": "7MB"}) as server:
        with postgres.connect(server.create_database("Odd name"), purpose="test") as connection:
            connection.execute("create table t as select 1 as x")
            assert connection.execute("show work_mem").fetchone() == ("7MB",)
        with postgres.connect(server.create_database("copy", template="Odd name"), purpose="test") as connection:
            assert connection.execute("select x from t").fetchone() == (1,)
            server.drop_database("copy")
        server.drop_database("copy")
        with pytest.raises(ConfigurationError, match="there is no database copy"):
            postgres.connect(server.database_url("copy"), purpose="test")


def test_a_name_that_is_taken_is_said(scratch_programs: Programs):
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        server.create_database("x")
        with pytest.raises(ConfigurationError, match='cannot create database x: database "x" already exists'):
            server.create_database("x")


def test_the_database_is_like_the_backups_or_refused(scratch_programs: Programs):
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        latin = Manifest.model_construct(encoding="LATIN1", collate="C", ctype="C")
        with postgres.connect(server.create_database("latin", like=latin), purpose="test") as connection:
            assert connection.execute("show server_encoding").fetchone() == ("LATIN1",)
        for odd in (
            Manifest.model_construct(collate="xx_YY.UTF-8", ctype="xx_YY.UTF-8"),
            Manifest.model_construct(locale_provider="i", icu_locale="de"),
            Manifest.model_construct(encoding="KLINGON"),
        ):
            with pytest.raises(scratch.Refused) as refused:
                server.create_database("odd", like=odd)
            assert "the scratch server cannot hold a database like the backup's" in refused.value.message
            assert "GATE_SCRATCH_URL" in refused.value.hint


def test_an_icu_database_is_made_where_the_server_knows_icu():
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
    assert not socket.exists()
    assert list(long.iterdir()) == []
    long.rmdir()


def test_a_cluster_that_cannot_start_says_why_and_leaves_nothing(scratch_programs: Programs):
    with (
        pytest.raises(ConfigurationError) as failed,
        scratch_server(scratch_programs, configured=None, never=None, settings={"no_such_setting": "1"}),
    ):
        pass
    assert 'unrecognized configuration parameter "no_such_setting"' in failed.value.message
    assert "TMPDIR" in failed.value.hint
