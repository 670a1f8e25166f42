"""Squawk, a linter for migrations, run as a child where it is installed (`pip install gate[lint]`); never required."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tasks.clients.child import plain_environment, run
from tasks.gate.errors import ConfigurationError
from tasks.gate.squawk import Remark

NAME = "squawk"
SECONDS = 30.0  # it reads 438 kB in 0.4 s
# No file of settings: what it says must not depend on the folder or the account that the gate runs in.
CONFIGURED = ("--config", "/dev/null", "--reporter", "json", "--assume-in-transaction")
# A migration cannot silence the linter with a comment of its own.
SILENCER = "squawk-ignore"


class SquawkFailed(Exception):
    """It ran and said nothing that can be read."""


def installed() -> Path | None:
    """The program beside our own interpreter, else on the PATH; None when it is not installed."""
    beside = Path(sys.executable).with_name(NAME)
    if beside.is_file():
        return beside
    found = shutil.which(NAME)
    return Path(found) if found else None


def remarks(program: Path, text: str, major: int) -> tuple[Remark, ...]:
    """What it says of a text; a text without a finding has none.

    Args:
        program: the executable.
        text: SQL.
        major: the server's major version.

    Raises:
        SquawkFailed: it could not be run, took too long, or did not answer in JSON.
    """
    argv = [str(program), *CONFIGURED, "--stdin-filepath", "release.sql", "--pg-version", str(major)]
    given = text.replace(SILENCER, SILENCER.replace("-", "_")).encode()
    try:
        ended = run(argv, environment=plain_environment(), input=given, timeout_s=SECONDS, cwd=tempfile.gettempdir())
        # Its exit code is 1 both for findings and for failures: only its output tells them apart.
        return tuple(
            Remark(rule=str(r["rule_name"]), line=int(r["line"]), message=str(r["message"]), help=str(r["help"] or ""))
            for r in json.loads(ended.stdout)
        )
    except (ConfigurationError, ValueError, KeyError, TypeError) as error:
        raise SquawkFailed(str(error)) from error
