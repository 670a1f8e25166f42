"""A checkout whose branch `main` has one migration, and `gate diff` in it, for the tests of pull requests."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.commands.diff import command

BREAK = "--> statement-breakpoint\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose branch `main` has one migration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATE_TARGET", "shop")
    monkeypatch.setenv("HOME", str(tmp_path))
    git("init", "-q", "-b", "main")
    write("0000_init", "CREATE TABLE orders (id int);")
    git("add", "-A")
    git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "init")
    return tmp_path


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def write(tag: str, *statements: str) -> None:
    folder = Path("drizzle")
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    (folder / f"{tag}.sql").write_text(BREAK.join(statements))
    tags = sorted(path.stem for path in folder.glob("*.sql"))
    entries = [{"idx": n, "version": "7", "when": 1_750_000_000_000 + n, "tag": t} for n, t in enumerate(tags)]
    (folder / "meta" / "_journal.json").write_text(json.dumps({"dialect": "postgresql", "entries": entries}))


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["--base", "main", *arguments], standalone_mode=False)


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return found
