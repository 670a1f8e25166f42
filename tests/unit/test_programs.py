"""Which PostgreSQL programs fit a server: the rules of six measured majors, without a server."""

import os
from pathlib import Path

import pytest

from tasks.clients import programs
from tasks.clients.programs import Programs, all_installed, embedded_programs, find
from tasks.gate.errors import ConfigurationError, Refused


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing is installed but what the test makes."""
    monkeypatch.setattr(programs, "_distribution_folders", list)
    monkeypatch.setattr(programs, "_wheel_folder", lambda: None)
    monkeypatch.setenv("PATH", "")


def make_programs(folder: Path, version: str, *names: str) -> Path:
    """Programs that say a version, as the real ones do."""
    folder.mkdir(parents=True)
    for name in names or ("pg_dump", "pg_restore", "psql", "initdb", "postgres"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def installed(bare_machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put these versions on PATH."""

    def install(*versions: str) -> dict[int, Path]:
        folders = {int(v.split(".")[0]): make_programs(tmp_path / v, v) for v in versions}
        monkeypatch.setenv("PATH", os.pathsep.join(str(folder) for folder in folders.values()))
        return folders

    return install


@pytest.mark.parametrize(
    ("server", "machine", "chosen"),
    [
        (15, ["14.23", "15.18", "16.15", "18.6"], 15),
        (14, ["13.23", "16.15", "18.6"], 16),
        (14, ["15.18", "16.15"], 15),
        (13, ["18.6", "16.15"], 16),
        (16, ["16.15", "17.11"], 16),
        (17, ["16.15", "18.6"], 18),
        (18, ["17.11", "18.6"], 18),
        (18, ["19.1"], 19),
    ],
)
def test_the_same_major_is_taken_else_the_nearest_newer_one_that_restores(installed, server, machine, chosen):
    installed(*machine)
    assert find(server, None, server=False).major == chosen


def test_a_client_older_than_the_server_is_refused(installed):
    installed("15.18")
    with pytest.raises(Refused) as refused:
        find(17, None, server=False)
    assert "the client is older than the server: pg_dump 15 cannot dump a server of version 17" in str(refused.value)
    assert "postgresql-client-17" in refused.value.hint
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("server", [13, 14, 15, 16])
def test_a_client_too_new_to_restore_into_the_server_is_refused(installed, server):
    installed("17.11", "18.6")
    with pytest.raises(Refused, match=f"cannot restore into a server of version {server}"):
        find(server, None, server=False)


def test_a_gap_between_too_old_and_too_new_names_both(installed):
    installed("14.23", "18.6")
    with pytest.raises(Refused) as refused:
        find(15, None, server=False)
    assert "no pg_dump that fits a server of version 15" in refused.value.message
    assert "14.23 in" in refused.value.message
    assert "18.6 in" in refused.value.message


def test_a_machine_without_postgresql_is_told_what_to_install(bare_machine):
    with pytest.raises(Refused) as refused:
        find(16, None, server=False)
    assert refused.value.message == "no pg_dump for a server of version 16 is installed (found: none)"
    assert "postgresql-client-16" in refused.value.hint


def test_a_cluster_is_made_with_exactly_the_same_major(installed):
    installed("16.15", "17.11")
    assert find(17, None, server=True).major == 17
    with pytest.raises(Refused) as refused:
        find(15, None, server=True)
    assert "no PostgreSQL 15 server programs are installed" in refused.value.message
    assert "GATE_SCRATCH_URL" in refused.value.hint


def test_clients_alone_make_no_cluster(bare_machine, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(make_programs(tmp_path / "bin", "16.15", "pg_dump", "pg_restore", "psql")))
    found = find(16, None, server=False)
    assert not found.has_server
    with pytest.raises(Refused, match="no PostgreSQL 16 server programs"):
        find(16, None, server=True)


def test_a_configured_folder_is_the_only_client(installed, tmp_path):
    installed("15.18")
    configured = make_programs(tmp_path / "ours", "16.15")
    assert find(15, configured, server=False).directory == configured
    with pytest.raises(Refused) as refused:
        find(17, configured, server=False)
    assert "unset GATE_PG_BIN" in refused.value.hint


def test_a_cluster_may_come_from_elsewhere_than_the_configured_clients(installed, tmp_path):
    folders = installed("15.18")
    configured = make_programs(tmp_path / "ours", "16.15")
    assert find(15, configured, server=True).directory == folders[15]
    assert find(16, configured, server=True).directory == configured


def test_a_configured_folder_without_programs_is_a_matter_of_configuration(tmp_path):
    with pytest.raises(ConfigurationError) as wrong:
        find(15, tmp_path / "nowhere", server=False)
    assert f"expected pg_dump and pg_restore in {tmp_path / 'nowhere'} (GATE_PG_BIN)" in wrong.value.message
    assert wrong.value.exit_code == 2


def test_debians_wrapper_is_not_taken_for_a_program(bare_machine, tmp_path, monkeypatch):
    (tmp_path / "share").mkdir()
    wrapper = tmp_path / "share" / "pg_wrapper"
    wrapper.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18'\n")
    wrapper.chmod(0o755)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).symlink_to(wrapper)
    monkeypatch.setenv("PATH", str(folder))
    assert all_installed(None) == ()


@pytest.mark.parametrize("text", ["exit 1", "echo nonsense", "echo 'pg_dump (PostgreSQL) 15.18'; exit 3"])
def test_programs_that_do_not_run_are_left_out(bare_machine, tmp_path, monkeypatch, text):
    for name in ("pg_dump", "pg_restore"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert all_installed(None) == ()


def test_a_folder_of_two_versions_is_left_out(bare_machine, tmp_path, monkeypatch):
    make_programs(tmp_path / "bin", "15.18")
    (tmp_path / "bin" / "pg_restore").write_text("#!/bin/sh\necho 'pg_restore (PostgreSQL) 16.15'\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert all_installed(None) == ()


def test_the_newest_programs_in_a_place_replace_what_was_known_of_it(tmp_path):
    folder = make_programs(tmp_path / "bin", "15.18")
    assert find(15, folder, server=False).version == "15.18"
    for program in folder.iterdir():
        program.write_text(program.read_text().replace("15.18", "15.19.1"))
    assert find(15, folder, server=False).version == "15.19"


def test_the_wheel_is_the_last_client_and_the_first_for_the_demo():
    wheel = embedded_programs()
    assert wheel.embedded
    assert wheel.has_server
    assert all_installed(None)[-1] == wheel


def test_a_beta_release_has_a_version(bare_machine, tmp_path):
    assert find(19, make_programs(tmp_path / "bin", "19beta1"), server=False).version == "19.0"


def test_compression_is_asked_for_and_not_assumed(tmp_path):
    assert embedded_programs().offers("gzip")
    assert not embedded_programs().offers("zstd")
    old = Programs(make_programs(tmp_path / "old", "14.23"), 14, "14.23", has_server=True)
    assert old.offers("gzip")
    assert not old.offers("zstd")


def test_programs_name_their_full_path():
    wheel = embedded_programs()
    assert wheel.path("pg_dump") == str(wheel.directory / "pg_dump")
    assert Path(wheel.path("pg_dump")).is_file()
