"""The team's own commands: real processes, in a clean environment, with a time limit."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.policy import Command
from config.settings import Settings
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Verdict
from tasks.preflight import CHECKS, team_commands
from tasks.preflight.check import Answer
from tests.integration.preflight_stage import question_for, settings_for, write_folder


@pytest.fixture
def settings(production: SecretStr, tmp_path: Path) -> Settings:
    return settings_for(write_folder(tmp_path / "drizzle"), production)


def ran(settings: Settings, *argv: str, **more: Any) -> Answer:
    command = Command(name="tests", argv=argv, **more)
    with question_for(settings) as question:
        (check,) = team_commands.command_checks([command], [c.name for c in CHECKS])
        return check.ask(question)


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def test_a_command_that_succeeds_passes_with_its_output_in_order(settings: Settings) -> None:
    answer = ran(settings, "sh", "-c", "echo one; echo two >&2; echo three")
    assert answer.verdict is Verdict.PASS
    assert answer.sentence.startswith("`sh -c echo one; echo two >&2; echo three` succeeded in ")
    assert answer.evidence == ("one", "two", "three")


def test_a_command_that_fails_says_how_and_keeps_the_last_lines(settings: Settings) -> None:
    answer = ran(settings, "sh", "-c", "seq 1 100; exit 3")
    assert answer.verdict is Verdict.FAIL
    assert "failed with exit code 3 after" in answer.sentence
    assert answer.evidence == ("… the last 40 lines:", *(str(n) for n in range(61, 101)))


def test_a_command_that_a_signal_ends_says_so(settings: Settings) -> None:
    assert "failed with signal 9 after" in ran(settings, "sh", "-c", "kill -9 $$").sentence


def test_it_runs_in_the_folder_that_policy_names_beside_gate_toml(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    assert ran(settings, "pwd", "-P", where="web").evidence == (str((tmp_path / "web").resolve()),)


def test_it_sees_nothing_but_what_is_listed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLISTED", "hidden")
    monkeypatch.setenv("LISTED", "seen")
    monkeypatch.setenv("PGPASSWORD", "hidden")
    answer = ran(settings, "env", environment=("LISTED", "ABSENT"))
    names = {line.partition("=")[0] for line in answer.evidence}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"} == {"LISTED"} | (
        {"PATH", "HOME", "LANG"} & os.environ.keys()
    )


def test_listed_secrets_do_not_reach_the_evidence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://app:hunter%402@db/test")
    monkeypatch.setenv("NPM_TOKEN", "npm_canary")
    answer = ran(
        settings,
        *python("import os; print(os.environ['TEST_DATABASE_URL'], os.environ['NPM_TOKEN'], 'hunter@2')"),
        environment=("TEST_DATABASE_URL", "NPM_TOKEN"),
    )
    assert answer.evidence == ("[secret] [secret] [secret]",)


def test_a_command_that_takes_too_long_is_ended_with_its_children(settings: Settings, tmp_path: Path) -> None:
    began = time.monotonic()
    answer = ran(settings, "sh", "-c", "echo started; (sleep 60 & echo $! > child; wait)", seconds=0.5)
    assert time.monotonic() - began < 10
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.endswith("was still running after 0.5 s and was ended")
    assert answer.evidence == ("started",)
    assert not _alive(int((tmp_path / "child").read_text()))


def test_a_program_or_a_folder_that_is_not_there_is_said(settings: Settings) -> None:
    missing = ran(settings, "no-such-program")
    assert missing.sentence.startswith("no-such-program is not a program that can be run in ")
    assert ran(settings, "true", where="nowhere").sentence.endswith("nowhere of the command does not exist")


def test_output_that_is_no_text_and_endless_lines_do_no_harm(settings: Settings) -> None:
    answer = ran(settings, *python(r"import sys; sys.stdout.buffer.write(b'\xff\x00' * 100_000 + b'\nend')"))
    assert answer.verdict is Verdict.PASS
    assert answer.evidence[-1] == "end"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["disk"], "the command disk in gate.toml has the name of a check of the gate itself"),
        (["lint", "lint"], "the command lint in gate.toml has the name of another command"),
    ],
)
def test_a_name_that_is_taken_is_a_wrong_configuration(names: list[str], sentence: str) -> None:
    commands = [Command(name=name, argv=("true",)) for name in names]
    with pytest.raises(ConfigurationError) as refused:
        team_commands.command_checks(commands, [c.name for c in CHECKS])
    assert refused.value.message == sentence


def _alive(process: int) -> bool:
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True
