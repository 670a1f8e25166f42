"""The policy as commented TOML, written from the policy's own types, so that it cannot fall behind them."""

import json
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from config.policy import Person, Policy, Window
from tasks.project_finds import Finds

# What to show where the default is "not set".
SAMPLES: Mapping[str, object] = {
    "review_file": "REVIEW.md",
    "review_approvals": 1,
    "waivable": ["staging-ledger", "staging-schema", "rollback"],
    "long_transaction_seconds": 300,
    "replica_lag_seconds": 30,
    "expected_database": "shop",
    "expected_system_identifier": "7412345678901234567",
    "self_approval": False,
    "author_approval": False,
    "count_losing_data": 2,
    "prefect_ui": False,
    "invariants": "invariants",
    "on_call": "S0123456789",
}
EXECUTE = {"npm": "npx", "pnpm": "pnpm", "yarn": "yarn", "bun": "bunx"}
COMMANDS = """\
# Commands of your own that must succeed; each is a check, named as below. No shell, a clean environment.
# [[checks.command]]
# name = "tests"
# argv = {tests}
# where = "."
# seconds = 600
# environment = []  # names of variables that it may see besides PATH, HOME and LANG

# A schema change without its migration is refused: generate must find nothing to do.
# [[checks.command]]
# name = "nothing-to-generate"
# argv = {generate}
"""
FREEZE = """\
# When nothing is released, whatever the windows say; whole days, or moments such as 2026-12-20T18:00:00.
# [[freeze]]
# start = 2026-12-20
# end = 2027-01-02
# time_zone = "Europe/Berlin"
# reason = "holidays"
"""
NOTHING_NEW = '{} drizzle-kit generate && test -z "$(git status --porcelain -- {})"'


def literal(value: object) -> str:
    """A value as TOML writes it; JSON's strings, numbers, booleans and arrays are TOML's too."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {literal(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False).replace("\x7f", "\\u007f")


def checks_text(finds: Finds) -> str:
    """The table of checks and the team's commands, as far as the project shows which ones it has."""
    runner = finds.runner or "npm"
    generate = NOTHING_NEW.format(EXECUTE[runner], finds.migrations or "drizzle")
    commands = COMMANDS.format(tests=literal([runner, "test"]), generate=literal(["sh", "-c", generate]))
    return _table("checks", Policy.model_fields["checks"], leave_out=("command",)) + "\n" + commands


def policy_text() -> str:
    """Every other table of the policy, with its defaults commented out."""
    tables = [_window_text(), FREEZE, _people_text()]
    own = {"checks", "window", "freeze", "people"}
    tables += [_table(name, field) for name, field in Policy.model_fields.items() if name not in own]
    return "\n".join(tables)


def _table(name: str, field: FieldInfo, leave_out: tuple[str, ...] = ()) -> str:
    section = field.annotation
    assert isinstance(section, type), "a table of the policy is a type"
    assert issubclass(section, BaseModel), "a table of the policy is a model"
    about = (section.__doc__ or "").strip()
    lines = [f"[{name}]  # {about}"]
    lines += [_line(key, found) for key, found in section.model_fields.items() if key not in leave_out]
    return "\n".join(lines) + "\n"


def _line(key: str, field: FieldInfo) -> str:
    about = field.description or ""
    if field.default is None:
        return f"# {key} = {literal(SAMPLES[key])}  # {about} Not set."
    return f"# {key} = {literal(field.default)}" + (f"  # {about}" if about else "")


def _window_text() -> str:
    sample = {"days": ["mon", "tue", "wed", "thu"], "start": "09:00", "end": "16:00", "time_zone": "Europe/Berlin"}
    assert sample.keys() == Window.model_fields.keys(), "the sample shows every key"
    lines = ["# When a release may be applied, weekly; at any time while there is none.", "# [[window]]"]
    return "\n".join([*lines, *(f"# {key} = {literal(value)}" for key, value in sample.items())]) + "\n"


def _people_text() -> str:
    sample = {
        "name": "ann",
        "slack": "U0123ABCD",
        "github": "ann-gh",
        "os_user": "ann",
        "database_user": "ann_admin",
        "emails": ["ann@example.com"],
    }
    assert sample.keys() == Person.model_fields.keys(), "the sample shows every key"
    lines = ["# Who is who at every door; an identity belongs to one person.", "# [[people]]"]
    return "\n".join([*lines, *(f"# {key} = {literal(value)}" for key, value in sample.items())]) + "\n"
