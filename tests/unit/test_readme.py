"""The README is true: every command, setting and exit code that it names exists, and the other way round."""

import re
from pathlib import Path

from config.settings import Settings
from flows.command_line import COMMANDS
from tasks.gate.outcome import EXIT_CODES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_command_is_named_and_every_named_command_exists():
    assert set(re.findall(r"`gate ([a-z]+)[^`]*`", README)) == set(COMMANDS)


def test_every_setting_is_in_the_table_and_every_named_setting_exists():
    table = set(re.findall(r"^\| `(GATE_[A-Z_]+)`", README, re.MULTILINE))
    assert table == {f"GATE_{name.upper()}" for name in Settings.model_fields}
    named = {
        name.removesuffix("_FILE") for name in re.findall(r"GATE_[A-Z_]+", README) if not name.endswith("POLICY_FILE")
    }
    assert named | {"GATE_POLICY_FILE"} == table


def test_every_exit_code_is_in_the_table_with_its_meaning():
    table = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", README, re.MULTILINE))
    assert {int(code): meaning for code, meaning in table.items()} == EXIT_CODES


def test_every_make_target_that_is_named_exists():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_that_is_linked_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parents[2] / link).exists(), link
