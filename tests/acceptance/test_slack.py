"""A release that waits in a process of its own, `gate serve` in another, and Slack between it and the people."""

import getpass
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.project import Project
from tests.integration.slack_attacks import ATTACKS, Target
from tests.integration.slack_stage import JON, wait_until
from tests.servers.slack import CHANNEL, SIGNING_SECRET, TOKEN, Workspace, send, workspace
from tests.servers.slack_limits import as_read

MIRA = "U0MIRA"
POLICY = f"""
[[people]]
name = "jon"
slack = "{JON}"
[[people]]
name = "mira"
slack = "{MIRA}"
os_user = "{getpass.getuser()}"
[approval]
approvers = ["jon", "mira"]
[slack]
on_call = "S0ONCALL"
[verify]
health_attempts = 1
"""


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with workspace() as found:
        found.member(JON)
        found.member(MIRA)
        yield found


@pytest.fixture
def asked(project: Project, slack: Workspace) -> Project:
    """A project whose releases are asked for in Slack."""
    project.ready()
    project.policy = POLICY
    project.extra |= {
        "GATE_SLACK_CHANNEL": CHANNEL,
        "GATE_SLACK_BOT_TOKEN": TOKEN,
        "GATE_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "GATE_SLACK_API_URL": slack.api_url,
        "GATE_SERVE_LISTEN": "127.0.0.1:0",
    }
    return project


@contextmanager
def served(project: Project, said: list[str], *, killed: bool = False) -> Iterator[str]:
    """`gate serve` until the end of the block; what it printed goes to `said`."""
    process = project.start("serve", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    errors = process.stderr
    reader = threading.Thread(target=lambda: said.extend(errors.readlines()))
    reader.start()
    first = process.stdout.readline()
    found = re.match(r"answering on (http://\S+);", first)
    assert found, first + "".join(said)
    try:
        yield found[1]
    finally:
        process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
        code = process.wait(20)
        reader.join()
        said.append(process.stdout.read())
        process.stdout.close()
        errors.close()
    assert killed or code == 0


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = run.communicate(timeout=120)
    return run.returncode, out + err


@pytest.mark.long("PRESSES", "make presses")
def test_a_release_under_attack_is_approved_after_a_restart_and_ships(asked: Project, slack: Workspace, tmp_path: Path):
    said: list[str] = []
    run = asked.start("run")
    release = asked.waiting_release()
    before = (asked.columns(), asked.ledger(), asked.contents())
    with served(asked, said, killed=True) as address:
        wait_until(lambda: bool(slack.files and slack.shared), "the message and its file", 60)
        target = Target(slack, address, slack.top()[0], release, starter=MIRA)
        for attack in ATTACKS:
            assert attack.act(target).status_code in attack.statuses, attack.name
            assert (asked.columns(), asked.ledger(), asked.contents()) == before, attack.name
        assert run.poll() is None
    with served(asked, said) as address:
        message = slack.top()[0]
        assert send(address, slack.payload(message, JON, "gate_approve")).status_code == 200
        code, shown = ended(run)
        assert code == 0, shown
        assert "approved by jon (slack)" in shown
        wait_until(lambda: as_read(message.blocks).startswith("Released: 1 migration to"), "the final sentence")
        assert len(slack.top()) == 1
    assert "note" in asked.columns()
    shown_anywhere = shown + "".join(said)
    for secret in (TOKEN, SIGNING_SECRET, "v0=", "payload="):
        assert secret not in shown_anywhere
    assert all(line.startswith("{") for line in said if line.strip() and not line.startswith("answering"))


@pytest.mark.long("PRESSES", "make presses")
def test_a_no_in_slack_ends_the_release_with_its_reason(asked: Project, slack: Workspace):
    run = asked.start("run")
    with served(asked, []) as address:
        asked.waiting_release()
        wait_until(lambda: bool(slack.shared), "the message", 60)
        message = slack.top()[0]
        send(address, slack.payload(message, MIRA, "gate_reject"))
        wait_until(lambda: bool(slack.views), "the form")
        send(address, slack.form_payload(slack.views[0]["view"], MIRA, "not on a Friday"))
        code, shown = ended(run)
        assert code == 4, shown
        assert "rejected by mira (slack)" in shown
        assert "not on a Friday" in shown
        wait_until(lambda: as_read(message.blocks).startswith("Rejected: 1 migration to"), "the final sentence")
    assert "note" not in asked.columns()
