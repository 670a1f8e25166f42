"""dbmate itself, from the package registry at a pinned version, run as a team runs it."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from tests.equality.node import packages

SECONDS = 60


class Ran(NamedTuple):
    """How it ended, and what it printed."""

    code: int
    out: str


class Dbmate:
    """One folder of migrations, on any database."""

    def __init__(self, folder: Path) -> None:
        [self.program] = (packages(Path(__file__).parent) / "node_modules" / "@dbmate").glob("*/bin/dbmate")
        self.folder = folder

    def run(self, url: SecretStr, *arguments: str) -> Ran:
        """Run a command of it."""
        address = url.get_secret_value()
        address += ("&" if "?" in address else "?") + "sslmode=disable"
        argv = [
            str(self.program),
            "--no-dump-schema",
            "--migrations-dir",
            str(self.folder),
            "--url",
            address,
            *arguments,
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
        return Ran(done.returncode, done.stdout + done.stderr)

    def pending(self, url: SecretStr) -> list[str]:
        """Files that it would run."""
        return [
            line.removeprefix("[ ] ") for line in self.run(url, "status").out.splitlines() if line.startswith("[ ] ")
        ]
