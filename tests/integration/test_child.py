"""Child programs: what they see, what they leave, and that none of them outlives the gate."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import child, postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.parent_death import spawn
from tasks.clients.programs import embedded_programs
from tasks.gate.errors import ConfigurationError

SECRET = r"p:a\s s'w#ord"


def alive(pid: int) -> bool:
    """True while a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_a_program_sees_only_what_it_is_told(monkeypatch):
    for name in ("PGOPTIONS", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "GATE_PRODUCTION_URL", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "leaked")
    said = child.run(["/usr/bin/env"], environment=child.plain_environment())
    assert b"leaked" not in said.stdout
    seen = dict(line.split("=", 1) for line in said.stdout.decode().splitlines())
    assert set(seen) - set(child.KEPT) == {"PATH", "LANG", "LC_ALL", "TZ"}


def test_output_errors_and_the_exit_code_come_back():
    script = "cat; echo oops >&2; exit 7"
    said = child.run(["/bin/sh", "-c", script], environment=child.plain_environment(), input=b"abc" * 100_000)
    assert (said.returncode, said.stdout, said.stderr) == (7, b"abc" * 100_000, "oops\n")
    assert not said.timed_out


def test_without_input_a_program_reads_nothing_of_ours():
    assert child.run(["/bin/cat"], environment=child.plain_environment(), timeout_s=5).stdout == b""


def test_output_can_go_straight_to_a_file(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        said = child.run(["/bin/echo", "hello"], environment=child.plain_environment(), stdout_to=file)
    assert said.stdout == b""
    assert (tmp_path / "out").read_bytes() == b"hello\n"


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started():
    script = "sleep 60 & echo $!; exec sleep 60"
    begin = time.monotonic()
    said = child.run(["/bin/sh", "-c", script], environment=child.plain_environment(), timeout_s=0.3)
    assert said.timed_out
    assert said.returncode == -signal.SIGTERM
    assert gone(int(said.stdout))
    assert time.monotonic() - begin < 10


def test_what_a_program_leaves_behind_in_the_background_is_ended():
    script = "sleep 60 & echo $!"
    said = child.run(["/bin/sh", "-c", script], environment=child.plain_environment())
    assert said.returncode == 0
    assert gone(int(said.stdout))


def test_a_program_that_ignores_the_polite_request_is_killed(monkeypatch):
    monkeypatch.setattr(child, "GRACE_S", 0.2)
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    with child.start(["/bin/sh", "-c", script], environment=child.plain_environment()) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
    assert running.returncode == -signal.SIGKILL


def test_an_error_in_the_block_ends_the_program():
    with (
        pytest.raises(RuntimeError, match="first"),
        child.start(["/bin/sleep", "60"], environment=child.plain_environment()) as running,
    ):
        raise RuntimeError("first")
    assert running.returncode == -signal.SIGTERM


def test_a_chatty_program_cannot_block_on_its_errors():
    script = (
        "i=0; while [ $i -lt 20000 ]; do echo 'a line of errors that nobody reads' >&2; i=$((i+1)); done; echo done"
    )
    with child.start(["/bin/sh", "-c", script], environment=child.plain_environment()) as running:
        assert running.stdout is not None
        assert running.stdout.read() == b"done\n"
        assert running.wait(10) == 0
        assert len(running.error_text()) <= child.KEPT_ERRORS
        assert running.error_text().endswith("nobody reads\n")


@pytest.mark.parametrize(
    ("program", "reason"), [("/nonexistent/pg_dump", "no such file or directory"), ("/etc/passwd", "permission denied")]
)
def test_a_program_that_cannot_run_is_named(program, reason):
    with pytest.raises(ConfigurationError) as failed:
        child.run([program], environment=child.plain_environment())
    assert failed.value.message == f"cannot run {program}: {reason}"


def test_the_password_is_in_a_private_file_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("PGSSLROOTCERT", "/kept/ca.pem")
    monkeypatch.setenv("PGPASSFILE", "/of/the/operator")
    url = make_url({"host": "db", "port": "7", "user": "u", "password": SECRET, "dbname": "shop", "sslmode": "require"})
    with child.connection_environment(url) as environment:
        assert SECRET not in str(environment)
        service, password = Path(environment["PGSERVICEFILE"]), Path(environment["PGPASSFILE"])
        assert service.parent.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in (service, password)} == {0o600}
        assert SECRET not in service.read_text()
        assert service.read_text().splitlines()[0] == "[gate]"
        assert "sslmode=require" in service.read_text()
        assert environment["PGSSLROOTCERT"] == "/kept/ca.pem"
        assert environment["PGSERVICE"] == "gate"
    assert not service.parent.exists()


def test_without_a_password_the_operators_own_file_is_used(monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/of/the/operator")
    with child.connection_environment("postgresql://u@db/shop") as environment:
        assert environment["PGPASSFILE"] == "/of/the/operator"


def test_a_line_break_cannot_smuggle_an_option_into_the_file():
    with (
        pytest.raises(ConfigurationError, match="holds a line break"),
        child.connection_environment("postgresql://u:a%0Ahost%3Devil@db/shop"),
    ):
        pass


def test_a_postgresql_program_connects_by_its_environment_alone(production: SecretStr):
    psql = embedded_programs().path("psql")
    ask = [psql, "-XAtc", "select current_database(), current_user"]
    with child.connection_environment(production) as environment:
        said = child.run(ask, environment=environment)
    assert said.stderr == ""
    assert said.stdout.decode() == f"{parameters(production)['dbname']}|postgres\n"


@pytest.mark.parametrize("password", [SECRET, "ends with a space ", "ünïcode", "''", "%41"])
def test_any_password_reaches_the_server_unharmed(production: SecretStr, production_server, password: str):
    with postgres.connect(production_server.url(), purpose="test") as admin:
        create = sql.SQL("create role odd login password {}").format(sql.Literal(password))
        admin.execute(create)
        try:
            url = make_url({**parameters(production), "user": "odd", "password": password})
            psql = [embedded_programs().path("psql"), "-XAtc", "select current_user"]
            with child.connection_environment(url) as environment:
                assert child.run(psql, environment=environment).stdout == b"odd\n"
            with postgres.connect(url, purpose="test") as connection:
                assert connection.info.user == "odd"
        finally:
            admin.execute("drop role odd")


HOLDER = """
import sys, threading
from tasks.clients import child

def hold():
    environment = child.plain_environment()
    with child.start(["/bin/sleep", "60"], environment=environment) as running:
        print(running.pid, flush=True)
        running.wait()

{how}
"""


@pytest.mark.parametrize(
    "how", ["hold()", "t = threading.Thread(target=hold); t.start(); t.join()"], ids=["main thread", "another thread"]
)
def test_a_killed_gate_takes_its_programs_with_it(how):
    gate = subprocess.Popen([sys.executable, "-c", HOLDER.format(how=how)], stdout=subprocess.PIPE)
    assert gate.stdout is not None
    pid = int(gate.stdout.readline())
    assert alive(pid)
    gate.kill()
    gate.communicate()
    assert gone(pid)


def test_a_program_outlives_the_thread_that_asked_for_it():
    started: list[subprocess.Popen[bytes]] = []

    def ask() -> None:
        started.append(spawn(subprocess.Popen, ["/bin/sleep", "60"], death_signal=signal.SIGKILL))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert alive(started[0].pid)
    started[0].kill()
    assert started[0].wait() == -signal.SIGKILL


def test_a_program_has_a_group_of_its_own():
    with child.start(["/bin/sleep", "60"], environment=child.plain_environment()) as running:
        assert os.getpgid(running.pid) == running.pid
        assert os.getsid(running.pid) == running.pid != os.getsid(0)


def test_many_threads_may_start_programs_at_once():
    said: list[bytes] = []

    def ask(number: int) -> None:
        said.append(child.run(["/bin/echo", str(number)], environment=child.plain_environment()).stdout)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(text) for text in said) == list(range(16))
