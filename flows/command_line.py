"""The command line: finds the command, and turns every refusal into one sentence and an exit code."""

import importlib
import json
import os
import sys
from typing import Any

import click

from config.settings import SettingsError
from tasks.gate.errors import ConfigurationError, GateError
from tasks.gate.outcome import INTERRUPTED

DEFECT = 1

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("flows.commands.init", "Write a commented gate.toml from what this project holds."),
    "doctor": ("flows.commands.doctor", "Prove every setting, connection and privilege by using it."),
    "status": ("flows.commands.status", "Show what is applied and pending, and the last releases."),
    "plan": ("flows.commands.plan", "Show what would run, statement by statement; touches nothing."),
    "diff": ("flows.commands.diff", "Show what this branch adds to the migrations; needs no database."),
    "check": ("flows.commands.check", "Ask the preflight checklist alone, read-only."),
    "run": ("flows.commands.run", "Take the pending migrations to production, here and now."),
    "approve": ("flows.commands.approve", "Approve a waiting release."),
    "reject": ("flows.commands.reject", "Reject a waiting release."),
    "resume": ("flows.commands.resume", "Take up an interrupted or waiting release."),
    "reconcile": ("flows.commands.reconcile", "Look after an open release that nobody carries any more."),
    "repair": ("flows.commands.repair", "List what is wrong with the ledger and mend it, as a release."),
    "rollback": ("flows.commands.rollback", "Take applied migrations back with their rollback SQL, as a release."),
    "backup": ("flows.commands.backup", "Take a backup of production and prove it."),
    "backups": ("flows.commands.backups", "List the backups, or export one as plain SQL."),
    "verify": ("flows.commands.verify", "Prove a stored backup again by restoring it."),
    "drill": ("flows.commands.drill", "Prove the newest backup again and rehearse the way back."),
    "restore": ("flows.commands.restore", "Restore a backup beside production, prove it, swap it in."),
    "report": ("flows.commands.report", "Show the evidence of a release."),
    "trigger": ("flows.commands.trigger", "Start the release on the Prefect server."),
    "serve": ("flows.commands.serve", "Serve the deployments to the Prefect server."),
    "demo": ("flows.commands.demo", "Watch three releases on embedded servers; nothing to configure."),
}


class _Commands(click.Group):
    """Imports a command only when it is called, so that `gate --help` and `gate status` start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), "command")  # noqa: B009
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]} holds no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            ctx.fail(f"there is no command {args[0]}" + (f"; did you mean {close[0]}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First use: gate init, gate doctor, gate plan, gate run. To look around: gate demo.",
)
@click.version_option(package_name="gate", message="gate %(version)s")
def group() -> None:
    """Take pending database migrations to production: checked, backed up, rehearsed, approved, applied, verified."""


def main() -> None:
    """Run `gate`, and leave with the exit code of the table."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    from tasks.clients.postgres import cleanse_environment

    cleanse_environment()
    try:
        result: Any = group.main(args=arguments, prog_name="gate", standalone_mode=False)
    except SettingsError as error:
        return _say(ConfigurationError(str(error)), arguments)
    except GateError as error:
        return _say(error, arguments)
    except click.ClickException as error:
        return _say(ConfigurationError(error.format_message(), hint="gate --help, gate COMMAND --help"), arguments)
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001
        return _defect(error)
    return result if isinstance(result, int) else 0


def _say(error: GateError, arguments: list[str]) -> int:
    if "--json" in arguments:
        document: dict[str, object] = {
            "id": "",
            "outcome": error.outcome,
            "sentence": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
            **{noun: error.nouns[noun] for noun in ("kind", "drizzle") if noun in error.nouns},
        }
        print(json.dumps(document))  # noqa: T201
    else:
        print(f"gate: {error}", file=sys.stderr)  # noqa: T201
    return error.exit_code


def _defect(error: Exception) -> int:
    """An error nobody foresaw: the kind and place for whoever mends it, never the values, which may be secret."""
    from flows.defect import places, unexpected

    print(f"gate: {unexpected(error).message}", file=sys.stderr)  # noqa: T201
    print("HINT: `gate status` says what state production is in; please report the line above", file=sys.stderr)  # noqa: T201
    if os.environ.get("PYTHONDEVMODE"):
        print(places(error), file=sys.stderr)  # noqa: T201
    return DEFECT
