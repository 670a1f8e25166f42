"""Reviewed on GitHub: who counts, for which commit, and what a push past the pull request is called."""

import pytest

from tasks.gate.github_review import Authored, JudgedCommit, Pull, PullReview, blob_sha1, judge, locate

HEAD = "b" * 40
RELEASED = Authored(sha="a" * 40, author="ada", committer="web-flow")
BRANCH = Authored(sha=HEAD, author="ada", committer="cy")


def said(login: str, state: str = "APPROVED", commit: str = HEAD) -> PullReview:
    return PullReview(login=login, state=state, commit=commit)


def pull(*reviews: PullReview, **more: object) -> Pull:
    plain = {"number": 7, "base": "main", "head": HEAD, "merged": True, "author": "ada", "commits": (BRANCH,)}
    return Pull.model_validate({**plain, "reviews": reviews, **more})


def problems(*pulls: Pull, needed: int = 1, commit: Authored = RELEASED) -> tuple[str, ...]:
    judged = JudgedCommit(commit=commit, why="the released commit", pulls=pulls)
    writers = frozenset({"ada", "bob", "cy", "dee"})
    return judge([judged], branches=("main",), needed=needed, writers=writers).problems


def test_an_approval_of_the_merged_state_by_somebody_else_counts():
    judged = JudgedCommit(commit=RELEASED, why="the released commit", pulls=(pull(said("bob")),))
    verdict = judge([judged], branches=("main",), needed=1, writers=frozenset({"bob"}))
    assert verdict.problems == ()
    assert verdict.reviewers == ("bob",)


@pytest.mark.parametrize(
    ("pulls", "sentence"),
    [
        ((), "came to main without a pull request"),
        ((pull(said("bob"), merged=False),), "came to main without a pull request; #7 was not merged into main"),
        ((pull(said("bob"), base="feature"),), "#7 was not merged into main"),
        ((pull(),), "needs 1 approval in #7, and 0 count"),
        ((pull(said("ada")),), "ada: wrote part of it"),
        ((pull(said("Ada")),), "Ada: wrote part of it"),
        ((pull(said("cy")),), "cy: wrote part of it"),
        ((pull(said("bob", commit="c" * 40)),), "bob: approved an earlier state"),
        ((pull(said("eve")),), "eve: may not write to the repository"),
        ((pull(said("bob"), said("bob", "DISMISSED")),), "and 0 count"),
        ((pull(said("bob"), said("bob", "CHANGES_REQUESTED")),), "although bob asked for changes"),
        ((pull(said("bob"), said("dee", "CHANGES_REQUESTED")),), "although dee asked for changes"),
        ((pull(said("bob", "COMMENTED")),), "and 0 count"),
        ((pull(said("bob"), commits=(Authored(sha=HEAD, author="", committer=""),)),), "whose author GitHub does not"),
    ],
)
def test_what_does_not_count_is_named(pulls: tuple[Pull, ...], sentence: str):
    (problem,) = problems(*pulls)
    assert sentence in problem


def test_a_comment_after_an_approval_takes_nothing_back():
    assert problems(pull(said("bob"), said("bob", "COMMENTED"))) == ()


def test_two_approvals_are_of_two_people():
    assert problems(pull(said("bob"), said("bob")), needed=2) != ()
    assert problems(pull(said("bob"), said("dee")), needed=2) == ()


def test_a_request_for_changes_by_a_stranger_stops_nothing():
    assert problems(pull(said("bob"), said("eve", "CHANGES_REQUESTED"))) == ()


def test_one_reviewed_pull_request_is_enough_where_two_brought_the_commit():
    assert problems(pull(number=6), pull(said("bob"))) == ()


def test_files_are_found_in_the_commit_by_their_bytes_and_an_altered_one_is_named():
    blobs = {"db/drizzle/0001_a.sql": blob_sha1(b"one"), "db/drizzle/0002_b.sql": blob_sha1(b"two")}
    places, strange = locate({"0001_a.sql": b"one", "0002_b.sql": b"TWO"}, blobs)
    assert places == {"0001_a.sql": "db/drizzle/0001_a.sql"}
    assert strange == ("0002_b.sql",)


def test_a_blob_has_the_name_that_git_gives_it():
    assert blob_sha1(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
