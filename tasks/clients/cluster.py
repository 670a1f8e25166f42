"""A throw-away PostgreSQL cluster of our own: made, started, and gone on every way out."""

import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from tasks.clients.address import make_url
from tasks.clients.child import plain_environment
from tasks.clients.cluster_folder import cluster_folder, socket_folder
from tasks.clients.parent_death import spawn
from tasks.clients.program_copy import for_server
from tasks.clients.programs import Programs
from tasks.clients.server_account import hand_over, stepped_down
from tasks.gate.errors import ConfigurationError

START_S = 60.0  # a cluster that is not ready after this long will not be, in seconds
STOP_S = 10.0  # an immediate shutdown ends its backends itself after 5 s, in seconds
SOCKET_PORT = 5432  # without TCP the port is only a part of the socket's name
NO_INSTRUCTIONS_SINCE = 14
ITERATIONS_SINCE = 16
# What a failing server or initdb says: its complaints, without what it says about itself and its advice.
COMPLAINT = re.compile(r"(?:FATAL|ERROR|PANIC|WARNING|error|LOG):\s+((?!starting |database system|listening ).+)")
ALWAYS = {
    "unix_socket_permissions": "0700",
    # Segments in the data directory instead of /dev/shm: containers have little of it, and nothing stays there.
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass
class Cluster:
    """A running cluster."""

    programs: Programs
    folder: Path
    socket: Path
    port: int
    superuser: str
    password: SecretStr
    postmaster: "subprocess.Popen[bytes]"

    def url(self, database: str, host: str | None = None) -> SecretStr:
        """How to connect: by its socket, or by `host` when it listens on TCP."""
        return make_url(
            {
                "host": host or str(self.socket),
                "port": str(self.port),
                "user": self.superuser,
                "password": self.password.get_secret_value(),
                "dbname": database,
            }
        )

    @property
    def data_directory(self) -> Path:
        """What `show data_directory` says on this cluster, and on no other."""
        return self.folder / "data"

    def log(self) -> str:
        """The server's log."""
        return _read(self.folder / "log")

    def stop(self) -> None:
        """End the server at once, as in a crash: all that it held is thrown away. Safe to call twice."""
        if self.postmaster.poll() is None:
            self.postmaster.send_signal(signal.SIGQUIT)
            try:
                self.postmaster.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.postmaster.kill()
                self.postmaster.wait()

    def launch(self) -> None:
        """Start the server again on the same data.

        Raises:
            ConfigurationError: it does not come up.
        """
        self.postmaster = _launch(self.programs, self.folder)


@contextmanager
def running_cluster(
    programs: Programs,
    settings: Mapping[str, str],
    *,
    port: int = SOCKET_PORT,
    superuser: str = "postgres",
    iterations: int | None = None,
) -> Iterator[Cluster]:
    """A new cluster with these settings; ended and deleted when the block is left.

    Args:
        programs: with initdb and postgres.
        settings: postgresql.conf, name to value.
        port: TCP port, or a part of the socket's name when `listen_addresses` is empty.
        superuser: name of the bootstrap role.
        iterations: how often its password is hashed. It is 192 random bits, so once is enough, and each of 4,096 rounds
            is paid at every connection; but clients in Go and Java refuse fewer.

    Raises:
        ConfigurationError: initdb or the server failed; carries the end of what they said.
    """
    programs = for_server(programs)
    password = SecretStr(secrets.token_urlsafe(24))
    with cluster_folder() as folder, socket_folder(folder) as socket:
        _initialise(programs, folder, superuser, password, iterations)
        everything = {**ALWAYS, "unix_socket_directories": str(socket), "port": str(port), **settings}
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{_quoted(value)}'\n" for name, value in everything.items())
        cluster = Cluster(programs, folder, socket, port, superuser, password, _launch(programs, folder))
        try:
            yield cluster
        finally:
            cluster.stop()


def _initialise(programs: Programs, folder: Path, superuser: str, password: SecretStr, iterations: int | None) -> None:
    pwfile = folder / "pwfile"
    pwfile.touch(0o600)
    pwfile.write_text(password.get_secret_value(), encoding="utf-8")
    hand_over(pwfile)
    argv = [
        programs.path("initdb"),
        *("-D", str(folder / "data"), "-U", superuser, "-E", "UTF8", "--locale=C", "-A", "scram-sha-256"),
        *(f"--pwfile={pwfile}", "--no-sync"),
        *(["--no-instructions"] if programs.major >= NO_INSTRUCTIONS_SINCE else []),
        *([f"--set=scram_iterations={iterations}"] if iterations and programs.major >= ITERATIONS_SINCE else []),
    ]
    made = _spawn(argv, folder, signal.SIGTERM)
    try:
        code = made.wait(START_S)
    except subprocess.TimeoutExpired:
        code = -1
    finally:
        made.kill()
        made.wait()
    pwfile.unlink()
    if code != 0:
        raise _failure("initdb", programs, folder)


def _launch(programs: Programs, folder: Path) -> "subprocess.Popen[bytes]":
    postmaster = _spawn([programs.path("postgres"), "-D", str(folder / "data")], folder, signal.SIGQUIT)
    deadline = time.monotonic() + START_S
    ready = False
    try:
        while not ready and postmaster.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
            ready = _is_ready(folder, postmaster.pid)
    finally:
        if not ready:
            postmaster.kill()
            postmaster.wait()
    if not ready:
        raise _failure("postgres", programs, folder)
    return postmaster


def _is_ready(folder: Path, pid: int) -> bool:
    """Its own word for it, in its own file: no other server on the same port can be mistaken for it."""
    lines = _read(folder / "data" / "postmaster.pid").split("\n")
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004


def _spawn(argv: list[str], folder: Path, death_signal: signal.Signals) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("ab") as log:
        environment = plain_environment()
        return spawn(
            subprocess.Popen,
            argv,
            death_signal=death_signal,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
            **stepped_down(),
        )


def _failure(what: str, programs: Programs, folder: Path) -> ConfigurationError:
    found = [match for match in map(COMPLAINT.search, _read(folder / "log").splitlines()) if match]
    said = "; ".join(dict.fromkeys(match[1].strip() for match in found[-2:])) or "it said nothing"
    return ConfigurationError(
        f"a throw-away PostgreSQL {programs.version} server could not be made: {what} failed: {said}",
        hint=f"check disk space and permissions of {folder.parent}; TMPDIR names another place for it",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
