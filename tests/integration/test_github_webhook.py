"""Deployments that wait on GitHub: who may ask, that a question is kept once, and that only the record answers it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pydantic import SecretStr

from config.policy import Approval, Person, Policy
from config.settings import Settings
from flows.web import github as door
from flows.web.run import serving_doors
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.github import GitHub
from tasks.gate.approval import request
from tasks.gate.github_webhook import UNHEARD_OF, Ask, forgery, read_ask, reply_to
from tasks.gate.story import Story
from tasks.github_asks import answer_asks
from tasks.record import Record
from tasks.target_log import TargetLog
from tests.servers.github import REPOSITORY, SECRET, TOKEN, FakeGitHub, fake_github, sha

COMMIT = sha("released")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def github() -> Iterator[FakeGitHub]:
    with fake_github() as github:
        yield github


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def served(tmp_path: Path, github: FakeGitHub, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(door, "EVERY_SECONDS", 0.1)
    github.answers.clear()
    settings = Settings.model_validate(
        {
            "target": "shop",
            "store_url": (tmp_path / "store").as_uri(),
            "serve_listen": "127.0.0.1:0",
            "github_token": TOKEN,
            "github_repository": REPOSITORY,
            "github_api_url": github.url,
            "github_webhook_secret": SECRET,
        }
    )
    with serving_doors(settings, lambda: policy) as address:
        yield f"{address}/github/webhook"


def release(store: DirectoryStore, name: str, outcome: str, code: int, commit: str = COMMIT) -> None:
    record = Record(store, "shop", name, owner="a")
    TargetLog(store, "shop").open_release(name)
    record.append("opened", {"by": "ada", "bundle": {"digest": "0" * 64, "commit": commit}})
    record.append("closed", {"outcome": outcome, "sentence": f"it was {outcome}", "exit_code": code})
    TargetLog(store, "shop").close(name, outcome, "")


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_signature_is_the_one_that_github_documents():
    said = [
        (b"x-hub-signature-256", b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
        (b"x-github-event", b"ping"),
        (b"x-github-delivery", b"1"),
    ]
    assert forgery("It's a Secret to Everybody", said, b"Hello, World!") == ""
    assert forgery("It's a Secret to Everybody", said, b"Hello, World?") == "signature"
    assert forgery("It's a Secret to Everybody", [*said, said[0]], b"Hello, World!") == "headers"
    assert forgery("", said, b"Hello, World!") == "signature"


def test_a_deployment_is_answered_when_its_release_is_done_and_not_before(
    served: str, github: FakeGitHub, store: DirectoryStore
):
    heard = github.deliver(served, "deployment_protection_rule", github.asks_for(COMMIT))
    assert heard.status_code == 202
    time.sleep(0.4)
    assert github.answers == []
    release(store, "r1", "released", 0)
    until(lambda: github.answers)
    assert github.answers == [
        {"run": 7, "environment_name": "production", "state": "approved", "comment": "release r1: it was released"}
    ]


def test_a_delivery_that_comes_again_is_answered_once(served: str, github: FakeGitHub, store: DirectoryStore):
    asked = github.asks_for(COMMIT)
    for new in (True, False, False):
        assert github.deliver(served, "deployment_protection_rule", asked).json() == {"heard": True, "new": new}
    release(store, "r1", "refused", 3)
    until(lambda: github.answers)
    time.sleep(0.4)
    assert [(a["state"], a["comment"]) for a in github.answers] == [
        ("rejected", "release r1 ended as refused: it was refused")
    ]


def test_what_github_did_not_sign_is_refused_without_a_word_why(served: str, github: FakeGitHub, store: DirectoryStore):
    asked = github.asks_for(COMMIT)
    forged = [
        github.deliver(served, "deployment_protection_rule", asked, secret="another"),
        httpx.post(served, content=json.dumps(asked)),
        httpx.post(served, content=b"", headers={"X-Hub-Signature-256": "sha256=" + "0" * 64}),
    ]
    assert [(f.status_code, f.json()) for f in forged] == [(401, {"error": "unsigned"})] * 3
    assert list(store.keys("shop/github/")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"deployment_callback_url": "https://evil.example/repos/acme/shop/actions/runs/7/deployment_protection_rule"},
        {"deployment_callback_url": "{url}/repos/acme/other/actions/runs/7/deployment_protection_rule"},
        {"deployment_callback_url": "{url}/repos/acme/shop/actions/runs/7/../8/deployment_protection_rule"},
        {"deployment_callback_url": "{url}/repos/acme/shop/actions/runs/x/deployment_protection_rule"},
        {"repository": {"full_name": "acme/other"}},
        {"action": "completed"},
        {"sha": "main"},
        {"environment": ""},
    ],
)
def test_a_signed_question_that_leads_elsewhere_is_ignored(
    change: dict[str, object], served: str, github: FakeGitHub, store: DirectoryStore
):
    named = {k: v.replace("{url}", github.url) if isinstance(v, str) else v for k, v in change.items()}
    answer = github.deliver(served, "deployment_protection_rule", {**github.asks_for(COMMIT), **named})
    assert answer.json() == {"ignored": True}
    assert github.deliver(served, "ping", {"zen": "x"}).json() == {"ignored": True}
    assert list(store.keys("shop/github/")) == []


@given(st.binary(max_size=300))
@limits(max_examples=60, deadline=None)
def test_no_signed_bytes_make_it_fail(body: bytes):
    assert read_ask(body, repository=REPOSITORY, api_url="http://x", now=NOW) is None


def test_only_the_release_of_that_very_commit_answers(github: FakeGitHub, store: DirectoryStore):
    github.answers.clear()
    release(store, "r1", "released", 0, commit=sha("another"))
    asked = Ask(run=9, environment="production", commit=COMMIT, asked_at=NOW)
    store.create(f"shop/github/{asked.name}.json", asked.model_dump_json().encode())
    client = GitHub(github.url, REPOSITORY, SecretStr(TOKEN))
    assert answer_asks(store, "shop", lambda: client, NOW, {}) == [asked]
    assert answer_asks(store, "shop", lambda: client, NOW + UNHEARD_OF + timedelta(minutes=1), {}) == []
    assert github.answers[0]["state"] == "rejected"
    assert "was started within 1 day" in github.answers[0]["comment"]


def test_an_earlier_failure_of_the_same_commit_does_not_answer_a_later_question():
    def ended(outcome: str, code: int, at: datetime) -> Story:
        return Story(id="r", state=outcome, sentence="s", outcome=outcome, exit_code=code, ended_at=at.isoformat())

    asked = Ask(run=9, environment="production", commit=COMMIT, asked_at=NOW)
    before = ended("refused", 3, NOW - timedelta(hours=1))
    assert reply_to(asked, [before], NOW) is None
    after = ended("rejected", 4, NOW + timedelta(hours=1))
    reply = reply_to(asked, [after, before], NOW)
    assert reply is not None
    assert not reply.approved
    done = reply_to(asked, [after, ended("released", 0, NOW - timedelta(hours=2))], NOW)
    assert done is not None
    assert done.approved


def reviewed(github: FakeGitHub, address: str, comment: str, *, login: str = "Bob", **changed: Any) -> str:
    """Somebody answers GitHub's own review of the environment; what its log of deliveries then shows."""
    payload = {
        "action": "approved",
        "approver": {"login": login, "id": 4},
        "comment": comment,
        "repository": {"full_name": REPOSITORY},
        "workflow_job_runs": [{"environment": "shop"}],
        "workflow_run": {"head_sha": COMMIT, "id": 7},
        **changed,
    }
    answer = github.deliver(address, "deployment_review", payload).json()
    return str(answer.get("answer", answer))


WAITING = "20261125-120000-shop-abc123"
POLICY = Policy(people=(Person(name="bob", github="bob"),), approval=Approval(approvers=("bob",)))


def waiting(store: DirectoryStore) -> Record:
    """A release of the commit that waits for a decision."""
    TargetLog(store, "shop").open_release(WAITING)
    record = Record(store, "shop", WAITING, owner="a")
    record.append("opened", {"by": "github:ada", "bundle": {"digest": "0" * 64, "commit": COMMIT}})
    now = datetime.now(UTC)
    asked = request("d" * 64, "may it?", started_by="github:ada", policy=POLICY, now=now)
    record.append("asked", {**asked.model_dump(mode="json"), "prefect": {}})
    return record


@pytest.mark.parametrize("policy", [POLICY])
def test_a_review_on_github_decides_when_it_names_the_release_and_only_for_whom_policy_names(
    served: str, github: FakeGitHub, store: DirectoryStore
):
    record = waiting(store)
    assert "names no release" in reviewed(github, served, "looks good")
    assert "names no release" in reviewed(github, served, f"x{WAITING}")
    assert reviewed(github, served, WAITING, workflow_job_runs=[{"environment": "staging"}]) == "{'ignored': True}"
    assert "nothing was decided" in reviewed(github, served, WAITING, login="eve")
    record.refresh()
    assert record.last("approved") is None
    reviewed(github, served, f"read it: {WAITING}")
    record.refresh()
    decided = record.last("approved")
    assert decided is not None
    assert (decided.body["who"], decided.body["door"], decided.body["identity"]) == ("bob", "github", "Bob")


@pytest.mark.parametrize("policy", [POLICY])
def test_a_no_on_github_needs_no_id_and_counts_for_the_open_release_of_that_commit(
    served: str, github: FakeGitHub, store: DirectoryStore
):
    record = waiting(store)
    other = {"workflow_run": {"head_sha": sha("another")}}
    assert "names no release" in reviewed(github, served, "stop", action="rejected", **other)
    reviewed(github, served, "stop", action="rejected")
    record.refresh()
    assert record.last("rejected") is not None
