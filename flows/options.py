"""What the commands share: settings read once at the door, JSON where a machine reads, waivers as they are typed."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from config.policy import Policy
from config.settings import Settings, load
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Waiver

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def settings_and_policy() -> tuple[Settings, Policy]:
    """What the environment and gate.toml say."""
    return load()


def with_waivers(command: F) -> F:
    """Add `--waive CHECK` and `--reason TEXT`."""
    command = click.option("--reason", default="", help="Why the waived checks may fail; the approver reads it.")(
        command
    )
    return click.option(
        "--waive", multiple=True, metavar="CHECK", help="Let a failed check pass, by name; repeatable."
    )(command)


def waivers(names: Sequence[str], reason: str, by: str) -> tuple[Waiver, ...]:
    """Waivers as typed.

    Raises:
        ConfigurationError: a waiver without a reason.
    """
    if names and not reason.strip():
        raise ConfigurationError(
            f"--waive {names[0]} needs a reason",
            hint=f'gate run --waive {names[0]} --reason "why it may fail this time"',
        )
    return tuple(Waiver(check=name, reason=reason.strip(), by=by) for name in names)


def print_json(document: Any) -> None:
    """One JSON document on standard output, on one line."""
    click.echo(json.dumps(document, ensure_ascii=False, default=str))
