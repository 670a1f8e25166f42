"""Scratch clusters are gone on every way out, and what a SIGKILL leaves is gone at the next start."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.clients import cluster_survivors, postgres
from tasks.clients.address import parameters
from tasks.clients.cluster_folder import PREFIX, cluster_folder, sweep
from tasks.clients.cluster_survivors import survivors
from tasks.clients.owned_folder import OWNER, temporary_folder
from tasks.clients.programs import Programs
from tasks.clients.scratch import scratch_server

pytestmark = pytest.mark.usefixtures("own_temporary_folder")

HOLDER = """
import sys, time
from tasks.clients.programs import embedded_programs
from tasks.clients.scratch import scratch_server
with scratch_server(embedded_programs(), configured=None, never=None) as server:
    print(server.url.get_secret_value(), flush=True)
    {then}
"""


def folder_of(url: SecretStr) -> Path:
    return Path(parameters(url)["host"])


def hold(then: str = "time.sleep(60)") -> tuple["subprocess.Popen[str]", Path]:
    """Another process with a scratch server, and where that is."""
    gate = subprocess.Popen([sys.executable, "-c", HOLDER.format(then=then)], stdout=subprocess.PIPE, text=True)
    assert gate.stdout is not None
    return gate, folder_of(SecretStr(gate.stdout.readline().strip()))


def ended(folder: Path, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while survivors(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not survivors(folder)


def test_an_error_in_the_block_leaves_nothing(scratch_programs: Programs):
    folders: list[Path] = []

    def fail() -> None:
        with scratch_server(scratch_programs, configured=None, never=None) as server:
            folders.append(folder_of(server.url))
            raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        fail()
    assert not folders[0].exists()
    assert survivors(folders[0]) == []


@pytest.mark.parametrize(
    ("then", "number"),
    [("time.sleep(60)", signal.SIGINT), ("time.sleep(60)", signal.SIGTERM), ("sys.exit(3)", None)],
    ids=["interrupted", "terminated", "exit"],
)
def test_a_gate_that_leaves_by_itself_leaves_nothing(then, number):
    raising = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"
    gate, folder = hold(f"{raising}; {then}")
    if number is not None:
        time.sleep(0.2)
        gate.send_signal(number)
    gate.wait(10)
    assert not folder.exists()
    assert survivors(folder) == []


def test_a_killed_gate_takes_the_server_with_it_and_the_next_start_sweeps(own_temporary_folder):
    gate, folder = hold()
    assert survivors(folder) != []
    gate.kill()
    gate.wait()
    assert ended(folder)
    assert folder.exists()
    assert sweep(own_temporary_folder) == 1
    assert not folder.exists()


def test_a_server_that_outlived_its_gate_is_swept(own_temporary_folder, monkeypatch):
    monkeypatch.setattr(cluster_survivors, "LAST_WORDS_S", 0.5)
    gate, folder = hold("time.sleep(60)")
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(postmaster, signal.SIGSTOP)  # it cannot hear that its gate dies
    gate.kill()
    gate.wait()
    assert postmaster in survivors(folder)
    _, number = (folder / "data" / "postmaster.pid").read_text().split("\n")[6].split()
    assert sweep(own_temporary_folder) == 1
    assert number not in [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    assert survivors(folder) == []
    assert not folder.exists()


def test_a_gate_killed_while_it_makes_a_cluster_leaves_nothing_that_is_not_swept(own_temporary_folder):
    for pause in (0.05, 0.3, 0.6):
        gate = subprocess.Popen([sys.executable, "-c", HOLDER.format(then="time.sleep(60)")], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not list(own_temporary_folder.glob(f"{PREFIX}*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(pause)
        gate.kill()
        gate.wait()
        (folder,) = own_temporary_folder.glob(f"{PREFIX}*")
        assert ended(folder)
        assert sweep(own_temporary_folder) == 1
        assert list(own_temporary_folder.iterdir()) == []


def test_the_next_server_sweeps_by_itself(scratch_programs: Programs):
    gate, folder = hold()
    gate.kill()
    gate.wait()
    with scratch_server(scratch_programs, configured=None, never=None):
        assert not folder.exists()


def test_a_living_gates_server_is_not_swept(own_temporary_folder, scratch_programs: Programs):
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        assert sweep(own_temporary_folder) == 0
        with postgres.connect(server.url, purpose="test") as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_folder_that_is_being_made_is_not_swept(own_temporary_folder):
    young = own_temporary_folder / f"{PREFIX}young"
    young.mkdir()
    assert sweep(own_temporary_folder) == 0
    os.utime(young, (0, 0))
    assert sweep(own_temporary_folder) == 1


def test_a_link_with_our_name_is_not_followed(own_temporary_folder):
    precious = own_temporary_folder / "precious"
    precious.mkdir()
    (precious / OWNER).touch()
    link = own_temporary_folder / f"{PREFIX}link"
    link.symlink_to(precious)
    assert sweep(own_temporary_folder) == 0
    assert (precious / OWNER).exists()
    link.unlink()
    (precious / OWNER).unlink()
    precious.rmdir()


def test_the_owner_holds_the_lock_while_it_lives():
    with cluster_folder() as folder, (folder / OWNER).open("rb") as file:
        assert (folder / OWNER).read_text() == f"{os.getpid()}\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_password_file_of_a_killed_gate_is_swept(own_temporary_folder):
    script = (
        "import time; from tasks.clients.child import connection_environment\n"
        "with connection_environment('postgresql://u:secret@h/d') as seen:\n"
        "    print(seen['PGPASSFILE'], flush=True); time.sleep(60)"
    )
    gate = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert gate.stdout is not None
    password = Path(gate.stdout.readline().strip())
    sweep(own_temporary_folder)
    assert "secret" in password.read_text()
    gate.kill()
    gate.communicate()
    sweep(own_temporary_folder)
    assert not password.parent.exists()


def test_a_dump_that_a_killed_restore_left_is_swept_and_one_that_is_read_stays():
    made = 'with temporary_folder("dump") as folder: print(folder, flush=True); time.sleep(60)'
    program = f"import time; from tasks.clients.owned_folder import temporary_folder\n{made}"
    restore = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert restore.stdout is not None
    left = Path(restore.stdout.readline().strip())
    (left / "dump").write_text("rows of production")
    sweep()
    assert (left / "dump").exists()
    restore.kill()
    restore.communicate()
    with temporary_folder("dump") as ours:
        sweep()
        assert not left.exists()
        assert ours.exists()
