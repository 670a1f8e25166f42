"""`gate doctor` finds what would keep a release from being asked for in Slack, with its remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.policy import Policy
from tasks.doctor_bench import Bench, bench_for
from tasks.doctor_slack import SERVED, SLACK, SLACK_CHANNEL, SLACK_PEOPLE
from tasks.gate.evidence import Finding, Verdict
from tasks.preflight.asking import ask_all
from tasks.preflight.check import Check
from tests.integration.slack_stage import ANN, JON, MIRA, POLICY, slack_settings, stage
from tests.servers.slack import TOKEN, Workspace, workspace


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with workspace() as found:
        for user in (ANN, JON, MIRA):
            found.member(user)
        yield found


def found(check: Check[Bench], slack: Workspace, folder: Path, policy: Policy = POLICY, **changed: Any) -> Finding:
    settings = slack_settings(slack, folder, **changed)
    with bench_for(settings, policy, {}) as bench:
        (finding,) = ask_all([check], bench, frozenset())
    assert TOKEN not in finding.model_dump_json()
    return finding


def test_a_workspace_that_is_set_up_passes(slack: Workspace, tmp_path: Path):
    signed_in = found(SLACK, slack, tmp_path)
    assert (signed_in.verdict, signed_in.sentence) == (
        Verdict.PASS,
        "signed in as app A0GATE of workspace T0WORKSPACE",
    )
    assert found(SLACK_CHANNEL, slack, tmp_path).sentence == "channel C0RELEASES is private, and the bot is in it"
    assert found(SLACK_PEOPLE, slack, tmp_path).sentence == "Slack knows ann, jon and mira as full members"


def test_half_a_configuration_names_what_is_missing(slack: Workspace, tmp_path: Path):
    finding = found(SLACK, slack, tmp_path, slack_channel=None, slack_signing_secret=None)
    assert finding.verdict is Verdict.FAIL
    assert finding.sentence == "Slack is configured in part: GATE_SLACK_CHANNEL and GATE_SLACK_SIGNING_SECRET missing"


def test_a_wrong_token_and_a_missing_scope_are_told_apart(slack: Workspace, tmp_path: Path):
    wrong = found(SLACK, slack, tmp_path, slack_bot_token="xoxb-another")
    assert wrong.sentence == "Slack answered auth.test with invalid_auth"
    slack.scopes = "chat:write,groups:read"
    assert found(SLACK, slack, tmp_path).sentence == "the app lacks the scopes users:read and files:write"


def test_a_channel_that_others_read_is_refused(slack: Workspace, tmp_path: Path):
    slack.channel["is_ext_shared"] = True
    assert found(SLACK_CHANNEL, slack, tmp_path).sentence == "channel C0RELEASES is shared with another organisation"
    slack.channel |= {"is_ext_shared": False, "is_member": False}
    assert found(SLACK_CHANNEL, slack, tmp_path).sentence == "the bot is not in channel C0RELEASES"
    assert "channel_not_found" in found(SLACK_CHANNEL, slack, tmp_path, slack_channel="C0OTHER").sentence


def test_an_approver_whose_id_is_wrong_is_named(slack: Workspace, tmp_path: Path):
    del slack.users[JON]
    slack.member(MIRA, is_restricted=True)
    finding = found(SLACK_PEOPLE, slack, tmp_path)
    assert finding.verdict is Verdict.FAIL
    assert finding.sentence == "jon is nobody whom Slack knows and mira is a guest"


def test_our_own_address_is_called_with_a_signature(slack: Workspace, tmp_path: Path):
    with stage(slack, tmp_path) as here:
        well = found(SERVED, slack, tmp_path, serve_url=here.address)
        assert (well.verdict, well.sentence) == (
            Verdict.PASS,
            "GATE_SERVE_URL answers, and knows a signed request from others",
        )
        other = found(SERVED, slack, tmp_path, serve_url=here.address, slack_signing_secret="another")
        assert other.sentence == "GATE_SERVE_URL refuses a signed request"
    assert found(SERVED, slack, tmp_path, serve_url="http://127.0.0.1:1").sentence == "GATE_SERVE_URL does not answer"
