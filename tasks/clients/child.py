"""Runs programs that cannot outlive the gate: each in a group of its own, with an environment built from nothing."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pydantic import SecretStr

from tasks.clients.address import parameters
from tasks.clients.owned_folder import temporary_folder
from tasks.clients.parent_death import spawn
from tasks.gate.errors import ConfigurationError

# What a child may know of us besides what it is told: where certificates and Kerberos tickets are, nothing else.
KEPT = ("HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "KRB5CCNAME", "KRB5_CONFIG", "SYSTEMROOT")
PATH = "/usr/local/bin:/usr/bin:/bin"
SERVICE = "gate"
GRACE_S = 3.0  # pg_dump and pg_restore cancel their queries on SIGTERM; this is how long they may take, in seconds
KEPT_ERRORS = 256 * 1024  # of a child's stderr the last bytes are kept: a chatty child must not fill our memory


@dataclass(frozen=True)
class Finished:
    """A child that has ended."""

    returncode: int
    stdout: bytes
    stderr: str
    timed_out: bool = False


class Child(subprocess.Popen[bytes]):
    """A running child whose stderr is drained by a thread, so that it can never block on it."""

    _drain: threading.Thread | None = None
    _errors: bytearray

    def drain_errors(self) -> None:
        """Start to read stderr; called once, right after the start."""
        self._errors = bytearray()
        self._drain = threading.Thread(target=self._read_errors, name=f"stderr of {self.pid}", daemon=True)
        self._drain.start()

    def error_text(self) -> str:
        """What it has said on stderr so far; all of it once it has ended."""
        if self._drain is not None and self.returncode is not None:
            self._drain.join(GRACE_S)
        return self._errors.decode("utf-8", "replace")

    def stop(self) -> None:
        """End the whole group: politely, then for good. Safe to call on one that has ended."""
        if self.poll() is None:
            _signal_group(self.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.wait(GRACE_S)
        if self.poll() is None:
            _signal_group(self.pid, signal.SIGKILL)
            self.wait()

    def poll(self) -> int | None:
        """The exit code if it has ended; what it left behind in its group is ended first."""
        if self.returncode is None and _has_exited(self.pid):
            # While the leader is not reaped its number cannot be given to a stranger, so this cannot hit one.
            _signal_group(self.pid, signal.SIGKILL)
        return super().poll()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs longer than `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.0005
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(self.args, cast("float", timeout))
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return code

    def _read_errors(self) -> None:
        assert self.stderr is not None
        with suppress(ValueError, OSError):  # closed under us at the end
            while piece := os.read(self.stderr.fileno(), 65536):
                self._errors += piece
                del self._errors[:-KEPT_ERRORS]


def plain_environment(path: str = PATH) -> dict[str, str]:
    """An environment from nothing: no PG*, no credentials, English messages, UTC."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PATH": path, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def connection_environment(url: SecretStr | str) -> Iterator[dict[str, str]]:
    """An environment in which a PostgreSQL program connects to this URL without an argument.

    The parameters are in a service file and the password in a password file, both 0600 in a 0700 folder that is gone at
    the end: neither argv nor the environment shows them (failure-modes 3.19). pg_restore wants to be told:
    `-d service=gate`.

    Raises:
        ConfigurationError: the URL cannot be read, or holds a line break.
    """
    found = parameters(url)
    if any("\n" in value or "\r" in value for value in found.values()):
        raise ConfigurationError("the database URL holds a line break", hint="remove %0A and %0D from it")
    password = found.pop("password", None)
    with temporary_folder("connection") as folder:
        lines = [f"[{SERVICE}]", *(f"{name}={value}" for name, value in found.items())]
        _write_private(folder / "service", "\n".join(lines) + "\n")
        environment = {**plain_environment(), "PGSERVICEFILE": str(folder / "service"), "PGSERVICE": SERVICE}
        environment |= {k: v for k, v in os.environ.items() if k.startswith("PGSSL")}
        if password is not None:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            _write_private(folder / "password", f"*:*:*:*:{escaped}\n")
            environment["PGPASSFILE"] = str(folder / "password")
        elif "PGPASSFILE" in os.environ:
            environment["PGPASSFILE"] = os.environ["PGPASSFILE"]
        yield environment


@contextmanager
def start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: IO[bytes] | int | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
    cwd: str | Path | None = None,
) -> Iterator[Child]:
    """A child with piped stdout; its whole group is ended when the block is left, however that happens.

    Raises:
        ConfigurationError: there is no such program, or it may not be run.
    """
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL if stdin is None else stdin,
        "stdout": stdout,
        "stderr": subprocess.PIPE,
        "env": dict(environment),
        "cwd": cwd,
    }
    child = spawn(Child, argv, death_signal=signal.SIGTERM, **options)
    try:
        child.drain_errors()
        yield child
    finally:
        child.stop()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        child.error_text()
        if child.stderr is not None:
            child.stderr.close()


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    input: bytes | None = None,  # noqa: A002
    timeout_s: float | None = None,
    stdout_to: IO[bytes] | None = None,
    cwd: str | Path | None = None,
) -> Finished:
    """Run a program to its end and return what it said; one that takes longer than `timeout_s` seconds is ended.

    Args:
        argv: the program and its arguments; no shell.
        environment: all that it sees.
        input: what it reads on stdin; nothing unless given.
        timeout_s: time limit, in seconds.
        stdout_to: a file to write its output to, instead of returning it.
        cwd: folder to run it in.

    Raises:
        ConfigurationError: there is no such program, or it may not be run.
    """
    with tempfile.TemporaryFile() as given:
        given.write(input or b"")
        given.seek(0)
        with start(argv, environment=environment, stdin=given, stdout=stdout_to or subprocess.PIPE, cwd=cwd) as child:
            output = bytearray()
            reader = threading.Thread(target=_read_all, args=(child.stdout, output), daemon=True)
            reader.start()
            timed_out = False
            try:
                child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                timed_out = True
                child.stop()
            reader.join(GRACE_S)
            return Finished(child.returncode, bytes(output), child.error_text(), timed_out)


def _read_all(pipe: IO[bytes] | None, into: bytearray) -> None:
    if pipe is not None:
        with suppress(ValueError, OSError):
            while piece := pipe.read(65536):
                into += piece


def _has_exited(pid: int) -> bool:
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
