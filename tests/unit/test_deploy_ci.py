"""What deploy/ gives to CI is valid for the tools that read it, and calls Gate as it is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from flows.command_line import COMMANDS, group

DEPLOY = Path(__file__).parents[2] / "deploy"
GITHUB, GITLAB = DEPLOY / "github", DEPLOY / "gitlab"


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", GITHUB / "action.yml"),
        ("vendor.github-workflows", GITHUB / "release.yml"),
        ("vendor.github-workflows", GITHUB / "pull-request.yml"),
        ("vendor.gitlab-ci", GITLAB / "gate.gitlab-ci.yml"),
    ],
)
def test_it_fits_the_schema_of_its_reader(schema: str, file: Path):
    program = str(Path(sys.executable).with_name("check-jsonschema"))
    extra = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    checked = subprocess.run(
        [program, "--builtin-schema", schema, *extra, str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", [GITHUB / "action.yml", GITLAB / "gate.gitlab-ci.yml"])
def test_every_command_and_option_that_is_called_exists(file: Path):
    called = re.findall(r"^\s+(?:- |exec )?gate ([a-z]+)(.*)$", file.read_text(), re.MULTILINE)
    assert called
    for name, rest in called:
        assert name in COMMANDS
        command = group.get_command(None, name)  # type: ignore[arg-type]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


@pytest.mark.parametrize("file", [GITHUB / "action.yml", GITLAB / "gate.gitlab-ci.yml"])
def test_a_job_sets_no_variable_that_gate_would_refuse(file: Path):
    known = {f"GATE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"^ +(GATE_[A-Z_]+):", file.read_text(), re.MULTILINE)) <= known


def test_the_options_that_the_action_collects_exist():
    commands = [group.get_command(None, name) for name in ("trigger", "diff")]  # type: ignore[arg-type]
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    collected = re.findall(r"options\+?=\((.*)\)", (GITHUB / "action.yml").read_text())
    assert collected
    assert set(re.findall(r"--[a-z-]+", " ".join(collected))) <= known


def test_a_job_may_neither_write_a_record_nor_read_a_backup():
    allowed = json.loads((GITHUB / "store-access.json").read_text())["Statement"]
    may = {s["Action"]: [s["Resource"]] if isinstance(s["Resource"], str) else s["Resource"] for s in allowed}
    assert set(may) == {"s3:ListBucket", "s3:GetObject", "s3:PutObject"}
    assert may["s3:PutObject"] == ["arn:aws:s3:::example-gate/production/artifacts/*"]
    assert not any("backups" in place or place.endswith("production/*") for place in may["s3:GetObject"])


def test_no_input_is_pasted_into_a_script():
    text = (GITHUB / "action.yml").read_text()
    for script in re.findall(r"run: \|\n((?: {8}.*\n)+)", text):
        assert "${{" not in script
