"""Whose yes counts, at which door, and who is behind an identity."""

from typing import Any

import pytest
from pydantic import ValidationError

from config.policy import Policy
from tasks.gate.eligible import Asked, objection
from tasks.gate.people import people_meant, person_of

PEOPLE = [
    {"name": "Ann Lee", "slack": "UANN", "github": "Ann-GH", "os_user": "alee", "emails": ["Ann@Example.com"]},
    {"name": "bob", "slack": "UBOB", "os_user": "bob", "database_user": "bob_admin"},
]
STARTED = Asked(started_by="ann")


def with_rules(*, people: list[dict[str, Any]] | None = None, **rules: Any) -> Policy:
    return Policy.model_validate({"approval": rules, "people": people or []})


@pytest.mark.parametrize(
    ("rules", "who", "door", "sentence"),
    [
        ({}, "ann", "command-line", None),
        ({}, "ann", "prefect-ui", None),
        ({}, " ", "command-line", "a decision needs a name"),
        ({}, "slack:UBOB", "slack", "gate.toml names no approvers, so nobody can approve through slack"),
        ({"approvers": ["bob"]}, "bob", "command-line", None),
        (
            {"approvers": ["bob"]},
            "eve",
            "command-line",
            "eve is not among the approvers that gate.toml names: bob",
        ),
        (
            {"approvers": ["bob"]},
            "github:bob",
            "github",
            "github:bob is not among the approvers that gate.toml names: bob",
        ),
        (
            {"approvers": ["ann", "bob"]},
            "ann",
            "command-line",
            "ann started this release, and gate.toml does not let the one who starts approve",
        ),
        ({"approvers": ["ann"], "self_approval": True}, "ann", "command-line", None),
        (
            {"approvers": ["bob"]},
            "bob",
            "prefect-ui",
            "gate.toml does not count approvals from the Prefect UI, where a name is only typed",
        ),
        ({"approvers": ["bob"], "prefect_ui": True}, "bob", "prefect-ui", None),
    ],
)
def test_who_may_approve_through_which_door(rules: dict[str, Any], who: str, door: str, sentence: str | None):
    assert objection(who, door, approved=True, asked=STARTED, policy=with_rules(**rules)) == sentence


def test_anybody_with_a_name_may_stop_a_release():
    policy = with_rules(approvers=["bob"])
    assert objection("eve", "prefect-ui", approved=False, asked=STARTED, policy=policy) is None


@pytest.mark.parametrize("started_by", ["alee", "Ann Lee", "UANN", "slack:UANN", "github:ann-gh", "ANN@example.com"])
def test_the_one_who_started_it_is_known_by_any_of_their_identities(started_by: str):
    policy = with_rules(people=PEOPLE, approvers=["Ann Lee", "bob"])
    against = objection("Ann Lee", "slack", approved=True, asked=Asked(started_by=started_by), policy=policy)
    assert against == "Ann Lee started this release, and gate.toml does not let the one who starts approve"


def test_an_author_may_not_approve_unless_the_policy_says_so():
    asked = Asked(started_by="bob", authors=("eve@example.com", "ann@example.com"))
    policy = with_rules(people=PEOPLE, approvers=["Ann Lee"])
    against = objection("Ann Lee", "slack", approved=True, asked=asked, policy=policy)
    assert against == "Ann Lee wrote a migration of this release, and gate.toml does not let an author approve"
    allowing = with_rules(people=PEOPLE, approvers=["Ann Lee"], author_approval=True)
    assert objection("Ann Lee", "slack", approved=True, asked=asked, policy=allowing) is None


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Asked(started_by="bob"), "nobody knows who wrote these migrations, and gate.toml wants their authors known"),
        (
            Asked(started_by="bob", authors=("eve@example.com",)),
            "eve@example.com started this release or wrote a migration of it, and is nobody of [[people]]",
        ),
        (
            Asked(started_by="runner", authors=("UBOB",)),
            "runner started this release or wrote a migration of it, and is nobody of [[people]]",
        ),
        (Asked(started_by="bob", authors=("UBOB",)), None),
    ],
)
def test_strangers_are_refused_where_the_policy_wants_everybody_known(asked: Asked, sentence: str | None):
    policy = with_rules(people=PEOPLE, approvers=["Ann Lee"], require_known_people=True)
    assert objection("Ann Lee", "slack", approved=True, asked=asked, policy=policy) == sentence


@pytest.mark.parametrize(
    ("door", "identity", "person"),
    [
        ("slack", "UANN", "Ann Lee"),
        ("slack", "uann", "slack:uann"),
        ("github", "ANN-gh", "Ann Lee"),
        ("github", "bob", "github:bob"),
        ("command-line", "alee", "Ann Lee"),
        ("terminal", "bob", "bob"),
        ("command-line", "Ann Lee", "os_user:Ann Lee"),
        ("command-line", "deploy", "deploy"),
        ("database", "bob_admin", "bob"),
        ("database", "bob", "database_user:bob"),
        ("prefect-ui", " bob ", "bob"),
        ("prefect-ui", "slack:UBOB", "name:slack:UBOB"),
    ],
)
def test_an_identity_is_looked_up_by_its_own_kind_and_a_stranger_never_gets_a_persons_name(
    door: str, identity: str, person: str
):
    assert person_of(with_rules(people=PEOPLE), door, identity) == person


def test_without_people_an_operating_system_user_is_their_own_name():
    assert person_of(Policy(), "command-line", "ann") == "ann"
    assert people_meant(Policy(), "ann") == {"ann"}


@pytest.mark.parametrize(
    ("people", "rules", "sentence"),
    [
        (
            [{"name": "ann", "slack": "U1"}, {"name": "bob", "slack": "U1"}],
            {},
            "the slack U1 belongs to both ann and bob",
        ),
        (
            [{"name": "ann", "github": "A"}, {"name": "bob", "github": "a"}],
            {},
            "the github a belongs to both ann and bob",
        ),
        ([{"name": "ann"}, {"name": "Ann"}], {}, "the name ann belongs to both ann and Ann"),
        ([{"name": "ann"}], {"approvers": ["bob"]}, "approval names bob, who is nobody of [[people]]: ann"),
        ([], {"approvers": ["bob"], "count": 2}, "2 different approvers are asked for, and 1 are named"),
        ([], {"break_glass": ["bob", "bob"]}, "break_glass needs two different people"),
    ],
)
def test_a_policy_that_nobody_could_keep_is_refused_when_it_is_read(
    people: list[dict[str, Any]], rules: dict[str, Any], sentence: str
):
    with pytest.raises(ValidationError) as refused:
        with_rules(people=people, **rules)
    assert sentence in str(refused.value)
