"""`gate init`: writes a commented gate.toml from what a project holds; never over one that is there."""

import os
from pathlib import Path

from tasks.gate.errors import ConfigurationError
from tasks.project_finds import Finds, look_at
from tasks.project_text import checks_text, literal, policy_text
from tasks.tool import tool

NAME = "gate.toml"
HEAD = """\
# Gate: how releases of this project's migrations go to production.
# Reviewed in pull requests. Secrets are not allowed here: they come from the environment,
#   GATE_PRODUCTION_URL, GATE_STAGING_URL, GATE_STORE_URL, GATE_SCRATCH_URL (or GATE_..._FILE, naming a file).
# What is commented out shows the default. Next: `gate doctor`, then `gate plan`.
"""


def propose(project: Path) -> str:
    """The text of a gate.toml for this project, valid as it is.

    Args:
        project: the folder in which gate will be started.
    """
    finds = look_at(project)
    return "\n".join([HEAD, _settings_text(finds), checks_text(finds), policy_text()])


def write(project: Path) -> Path:
    """Write the proposal; returns the file.

    Raises:
        ConfigurationError: there is a gate.toml already, or the folder cannot be written.
    """
    file = project / NAME
    text = propose(project)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise ConfigurationError(
            f"{file} is there already, and is never overwritten",
            hint="edit it, or move it away and compare; `gate doctor` says what is wrong with it",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}", hint="start `gate init` in the project's own folder"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return file


def _settings_text(finds: Finds) -> str:
    lines = ["[settings]", f"target = {literal(finds.target)}  # the database's name in locks, backups and reports"]
    lines.append(f"# {finds.sentence}")
    if finds.migrations:
        lines.append(f"migrations = {literal(finds.migrations)}")
    else:
        lines.append('# migrations = "drizzle"  # the folder that drizzle-kit generates')
    lines += [f"# another folder of migrations: {other}" for other in finds.others]
    using = tool(finds.tool)
    lines.append(f"# tool = {literal(using.name)}  # found by its files")
    if finds.rollbacks:
        lines.append(f"rollbacks = {literal(finds.rollbacks)}")
    elif using.rollbacks_inside:
        lines.append("# rollback SQL is what the migrations' own down sections say")
    else:
        lines.append(f"# rollbacks = {literal((finds.migrations or 'drizzle') + '/rollback')}  # rollback SQL")
    for key, default, found in (
        ("migrations_schema", using.ledger[0], finds.schema),
        ("migrations_table", using.ledger[1], finds.table),
    ):
        lines.append(f"{key} = {literal(found)}" if found else f"# {key} = {literal(default)}")
    lines.append('# health_url = "https://example.com/health"  # 2xx when the application is well')
    lines.append('# staging_health_url = "https://staging.example.com/health"')
    lines.append('# version_url = "https://example.com/version"  # says which version of the application runs')
    lines.append("# watch_seconds = 60  # keep watching after the apply")
    return "\n".join(lines) + "\n"
