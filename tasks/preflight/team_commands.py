"""The team's own commands: each `[[checks.command]]` of gate.toml becomes a check, run in a clean environment."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

from config.policy import Command
from tasks.clients.child import run
from tasks.gate.errors import ConfigurationError
from tasks.gate.redaction import passwords_in, redacted
from tasks.gate.wording import duration
from tasks.preflight.check import Answer, Check, failed, passed
from tasks.preflight.question import Surroundings

ALWAYS_SEEN = ("PATH", "HOME", "LANG")
KEPT_LINES = 40
KEPT_BYTES = 64 * 1024  # of the output's end
SOUNDS_SECRET = re.compile(r"SECRET|TOKEN|PASS|KEY|URL|DSN|CREDENTIAL", re.IGNORECASE)
# Both streams into one, in the order in which they were written; the shell reads no argument of the command's own.
BOTH_STREAMS = ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh")


def command_checks(commands: Sequence[Command], taken: Sequence[str]) -> tuple[Check[Surroundings], ...]:
    """A check for each command.

    Args:
        commands: the `[[checks.command]]` tables of gate.toml.
        taken: names of the gate's own checks.

    Raises:
        ConfigurationError: a name is used twice, so that a waiver would not know which one is meant.
    """
    names = list(taken)
    for command in commands:
        if command.name in names:
            own = "a check of the gate itself" if command.name in taken else "another command"
            raise ConfigurationError(
                f"the command {command.name} in gate.toml has the name of {own}", hint="give it a name of its own"
            )
        names.append(command.name)
    return tuple(Check(c.name, f"The team's own: {c.name}", partial(ask, c)) for c in commands)


def ask(command: Command, around: Surroundings) -> Answer:
    """Run one command to its end, or to its time limit; exit code 0 passes, the end of its output is the evidence."""
    where = around.settings.policy_file.parent / command.where
    environment = {name: os.environ[name] for name in (*ALWAYS_SEEN, *command.environment) if name in os.environ}
    if not where.is_dir():
        return failed(f"the folder {where} of the command does not exist", hint="correct `where` in gate.toml")
    if _program(command.argv[0], where, environment) is None:
        return failed(
            f"{command.argv[0]} is not a program that can be run in {where}",
            hint="install it, or correct `argv` in gate.toml; a shell's own words need argv = ['sh', '-c', '...']",
        )
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        ended = run(
            [*BOTH_STREAMS, *command.argv],
            environment=environment,
            timeout_s=command.seconds,
            stdout_to=output,
            cwd=where,
        )
        lines = _hidden(_last_lines(output), command.environment, environment)
    took = duration(time.monotonic() - began)
    if ended.timed_out:
        return failed(
            f"`{' '.join(command.argv)}` was still running after {duration(command.seconds)} and was ended",
            lines,
            hint="mend it, or raise `seconds` in gate.toml",
        )
    if ended.returncode != 0:
        how = f"exit code {ended.returncode}" if ended.returncode > 0 else f"signal {-ended.returncode}"
        return failed(f"`{' '.join(command.argv)}` failed with {how} after {took}", lines, hint="read its output")
    return passed(f"`{' '.join(command.argv)}` succeeded in {took}", lines)


def _program(name: str, where: Path, environment: dict[str, str]) -> str | None:
    if "/" in name:
        path = where / name
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    return shutil.which(name, path=environment.get("PATH", os.defpath))


def _last_lines(output: IO[bytes]) -> list[str]:
    end = output.seek(0, os.SEEK_END)
    output.seek(max(0, end - KEPT_BYTES))
    lines = output.read().decode("utf-8", "replace").replace("\x00", "").splitlines()
    if end <= KEPT_BYTES and len(lines) <= KEPT_LINES:
        return lines
    return [f"… the last {KEPT_LINES} lines:", *lines[-KEPT_LINES:]]


def _hidden(lines: list[str], listed: Sequence[str], environment: dict[str, str]) -> list[str]:
    """The lines without the values of listed variables whose names sound secret."""
    values = {environment[name] for name in listed if environment.get(name) and SOUNDS_SECRET.search(name)}
    secrets = values | {p for value in values for p in passwords_in(value)}
    return [redacted(line, secrets) for line in lines]
