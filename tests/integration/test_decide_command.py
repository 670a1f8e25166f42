"""`gate approve` and `gate reject` as they are typed: who is recorded, what is still missing, and what a slip costs."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import read_policy
from flows.command_line import main
from tasks.clients.object_store import ObjectStore
from tasks.gate.approval import request
from tasks.record import Record
from tasks.steps.open import operator
from tests.integration.recording import ID, kinds, opened

ME = operator()
Typed = Callable[..., tuple[int, str]]
PEOPLE = f"""
[[people]]
name = "the one at the keyboard"
os_user = "{ME}"
[[people]]
name = "whoever has the password"
database_user = "postgres"
[approval]
approvers = ["the one at the keyboard", "whoever has the password"]
count = 2
break_glass = ["the one at the keyboard", "whoever has the password"]
"""


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory_store: ObjectStore) -> Record:
    """A release of another person that waits for two approvals, in the folder in which the commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(PEOPLE)
    monkeypatch.setenv("GATE_TARGET", "shop")
    monkeypatch.setenv("GATE_STORE_URL", (tmp_path / "store").as_uri())
    record = opened(directory_store)
    policy = read_policy(tmp_path / "gate.toml")
    record.append("asked", request("d" * 64, "what", started_by="ada", policy=policy, now=datetime.now(UTC)))
    return record


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command; its exit code and everything that a person sees."""

    def type_it(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["gate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    return type_it


def test_two_people_known_in_two_ways_approve_and_the_first_is_told_that_one_is_missing(
    waiting: Record, typed: Typed, production: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_PRODUCTION_URL", production.get_secret_value())
    first = f"approved {ID} as the one at the keyboard, for plan dddddddddddd; 1 approval by other people still missing"
    assert typed("approve", ID, "--comment", "read it") == (0, first + "\n")
    code, again = typed("approve", ID)
    assert code == 0
    assert "and one person counts once; 1 approval by other people still missing; nothing was recorded" in again
    code, second = typed("approve", ID, "--as-database-user", "--json")
    answer = json.loads(second)
    assert (code, answer["who"], answer["identity"]) == (0, "whoever has the password", "postgres")
    assert (answer["answer"], answer["missing"], answer["woken"]) == ("accepted", 0, None)
    waiting.refresh()
    assert kinds(waiting) == ["opened", "asked", "approved", "approved"]


def test_the_glass_is_broken_with_a_reason_and_by_two_and_everybody_reads_it(
    waiting: Record, typed: Typed, production: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_PRODUCTION_URL", production.get_secret_value())
    code, said = typed("approve", ID, "--break-glass")
    assert (code, "--break-glass needs a reason" in said) == (2, True)
    code, said = typed("approve", ID, "--reason", "now")
    assert (code, "--reason belongs to --break-glass" in said) == (2, True)
    code, said = typed("approve", ID, "--break-glass", "--reason", "checkout is down")
    assert code == 0
    assert said.startswith(f"BREAK-GLASS: approved {ID} as the one at the keyboard")
    assert "1 approval by other people still missing" in said
    glass = ("--break-glass", "--reason", "checkout is down", "--as-database-user")
    assert typed("approve", ID, *glass)[0] == 0
    waiting.refresh()
    assert waiting.story().state == "approved"
    assert waiting.story().sentence.startswith("BREAK-GLASS, approved by whoever has the password (database)")


def test_whoever_sets_logname_is_still_the_user_that_the_kernel_knows(
    waiting: Record, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert operator() == ME
    assert f"as {'the one at the keyboard'}" in typed("approve", ID)[1]


def test_a_decision_that_cannot_count_says_why_with_the_exit_code_of_the_table(waiting: Record, typed: Typed) -> None:
    code, said = typed("approve", ID.replace("abc123", "abc124"))
    assert (code, f"the nearest are {ID}" in said) == (2, True)
    assert typed("reject", ID, "--reason", "not today") == (0, f"rejected {ID} as the one at the keyboard\n")
    code, said = typed("approve", ID)
    assert code == 3
    assert f"release {ID} was decided already: rejected by the one at the keyboard (command-line) at " in said
    assert "not today; nothing was changed" in said
    waiting.refresh()
    assert kinds(waiting) == ["opened", "asked", "rejected"]
