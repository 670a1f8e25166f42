"""Judges what GitHub says of a release's commits: who, other than their authors, approved exactly what was merged.

A commit that no merged pull request brought was pushed directly, and nobody reviewed it. Of each person only the last
opinion counts, and an approval only for the very commit that was the head of the pull request when it was merged.
"""

import hashlib
from collections.abc import Mapping, Sequence

from tasks.gate.model import Model
from tasks.gate.wording import count, listing

OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")  # a comment changes nothing
SHORT = 10
BY_GITHUB = "web-flow"  # who commits what was merged or edited in the browser; not a person


class Authored(Model):
    """A commit, and who is behind it by their logins; empty where GitHub knows no account."""

    sha: str
    author: str
    committer: str


class PullReview(Model):
    """One review, as it was submitted."""

    login: str
    state: str
    commit: str  # what the reviewer had before them


class Pull(Model):
    """A pull request that brought a commit."""

    number: int
    base: str
    head: str  # the last commit of its branch
    merged: bool
    author: str
    commits: tuple[Authored, ...] = ()
    reviews: tuple[PullReview, ...] = ()  # oldest first


class JudgedCommit(Model):
    """A commit of the release, and the pull requests that brought it."""

    commit: Authored
    why: str  # "the released commit", or the file that it touched
    pulls: tuple[Pull, ...]


class Verdict(Model):
    """What came out: the reviewers, and what is missing."""

    reviewers: tuple[str, ...]
    problems: tuple[str, ...]


def judge(commits: Sequence[JudgedCommit], *, branches: Sequence[str], needed: int, writers: frozenset[str]) -> Verdict:
    """Whether every commit was reviewed.

    Args:
        commits: the released commit, and each one that touched a pending migration.
        branches: into which a merge counts.
        needed: approvals by different people.
        writers: the logins, in lower case, that may push; an approval by anybody else does not count.
    """
    reviewers: dict[str, None] = {}
    problems: list[str] = []
    for judged in commits:
        approved, problem = _judge_one(judged, branches, needed, writers)
        reviewers |= dict.fromkeys(approved)
        if problem:
            problems.append(f"{judged.commit.sha[:SHORT]} ({judged.why}) {problem}")
    return Verdict(reviewers=tuple(reviewers), problems=tuple(dict.fromkeys(problems)))


def blob_sha1(content: bytes) -> str:
    """What git calls a file's content: the SHA-1 that a tree names it by."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  (git's own name for it)


def locate(files: Mapping[str, bytes], blobs: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Where in the commit each file lies, and which ones the commit does not hold with these bytes.

    Args:
        files: content by the path below the migrations or rollback folder.
        blobs: git's SHA-1 by path of the commit.
    """
    found: dict[str, str] = {}
    strange: list[str] = []
    for file, content in files.items():
        name, wanted = file.rpartition("/")[2], blob_sha1(content)
        at = [p for p, sha in blobs.items() if sha == wanted and (p == file or p.endswith(f"/{file}"))]
        at = at or [p for p, sha in blobs.items() if sha == wanted and p.rpartition("/")[2] == name]
        if at:
            found[file] = min(at, key=len)
        else:
            strange.append(file)
    return found, tuple(strange)


def _judge_one(
    judged: JudgedCommit, branches: Sequence[str], needed: int, writers: frozenset[str]
) -> tuple[tuple[str, ...], str]:
    """Who approved it, and what is missing."""
    merged = [pull for pull in judged.pulls if pull.merged and pull.base in branches]
    if not merged:
        where = listing(list(branches))
        elsewhere = [f"#{pull.number}" for pull in judged.pulls]
        known = f"; {listing(elsewhere)} was not merged into {where}" if elsewhere else ""
        return (), f"came to {where} without a pull request{known}"
    answers = [_judge_pull(judged.commit, pull, needed, writers) for pull in merged]
    return next((answer for answer in answers if not answer[1]), answers[0])


def _judge_pull(commit: Authored, pull: Pull, needed: int, writers: frozenset[str]) -> tuple[tuple[str, ...], str]:
    wrote = {pull.author.lower(), *_people(commit)}
    for one in pull.commits:
        if not one.author:
            return (), f"holds {one.sha[:SHORT]} of #{pull.number}, whose author GitHub does not know"
        wrote |= _people(one)
    last = {review.login: review for review in pull.reviews if review.state in OPINIONS}
    against = [login for login, r in last.items() if r.state == "CHANGES_REQUESTED" and login.lower() in writers]
    if against:
        return (), f"was merged by #{pull.number} although {listing(against)} asked for changes"
    said = [r for r in last.values() if r.state == "APPROVED"]
    counted = [r.login for r in said if not _why_not(r, pull, wrote, writers)]
    if len(counted) >= needed:
        return tuple(counted), ""
    left_out = [f"{r.login}: {why}" for r in said if (why := _why_not(r, pull, wrote, writers))]
    known = f" ({'; '.join(left_out)})" if left_out else ""
    return (), f"needs {count(needed, 'approval')} in #{pull.number}, and {len(counted)} count{known}"


def _why_not(review: PullReview, pull: Pull, wrote: set[str], writers: frozenset[str]) -> str:
    if review.login.lower() in wrote:
        return "wrote part of it"
    if review.commit != pull.head:
        return "approved an earlier state"
    return "" if review.login.lower() in writers else "may not write to the repository"


def _people(commit: Authored) -> set[str]:
    return {login.lower() for login in (commit.author, commit.committer) if login and login != BY_GITHUB}
