"""Reviewed on GitHub: the released commit, and each one that touched a pending migration, came by an approved merge."""

from typing import TYPE_CHECKING, Any

from tasks.gate.github_review import JudgedCommit, Pull, judge, locate
from tasks.gate.wording import count, listing
from tasks.migration_files import exists, read_bytes
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Question
from tasks.tool import tool

if TYPE_CHECKING:
    from tasks.clients.github import GitHub

MOST_COMMITS = 60  # asked about, at some calls each


def ask(question: Question) -> Answer:
    """Compare the pending files with the commit, and hold its reviews against the policy."""
    settings, needed = question.settings, question.policy.checks.review_approvals
    if needed is None:
        return not_configured("no review on GitHub is asked for", hint="set checks.review_approvals = 1 in gate.toml")
    if settings.github_token is None or not settings.github_repository:
        return failed(
            "policy asks for a review on GitHub, and nothing says where",
            hint="set GATE_GITHUB_REPOSITORY=owner/name and GATE_GITHUB_TOKEN",
        )
    if not question.commit:
        return failed(
            "which commit is released is not known, so its review cannot be looked up",
            hint="start the release with `gate trigger --commit SHA`, or from a checkout with its .git",
        )
    from tasks.clients.github import GitHub

    github = GitHub(settings.github_api_url, settings.github_repository, settings.github_token)
    return _ask(question, github, needed)


def _ask(question: Question, github: "GitHub", needed: int) -> Answer:
    released = github.commit(question.commit)
    reviews = _Reviews(github)
    places, strange = locate(_files(question), reviews.blobs(released.sha))
    if strange:
        return failed(
            f"{listing(strange, limit=3)}: not as in commit {released.sha[:10]} of {github.repository}",
            [f"{file}: the commit holds no file of this name with these bytes" for file in strange],
            hint="release what was committed and reviewed, byte for byte",
        )
    # Every release touches the journal: its bytes are those of the commit, and that is enough.
    places.pop(tool(question.plan.tool).journal, None)
    histories = {file: tuple(github.history(released.sha, path)) for file, path in places.items()}
    touched = {c.sha: (c, file) for file, commits in histories.items() for c in commits}
    touched[released.sha] = (released, "the released commit")
    if len(touched) > MOST_COMMITS:
        return failed(f"{len(touched)} commits touched the pending migrations, too many to look up")
    judged = [JudgedCommit(commit=c, why=why, pulls=reviews.of(c.sha)) for c, why in touched.values()]
    verdict = judge(
        judged,
        branches=question.policy.checks.review_branches or (github.default_branch(),),
        needed=needed,
        writers=reviews.writers(),
    )
    if verdict.problems:
        return failed(
            listing(verdict.problems, limit=1),
            verdict.problems,
            hint="let somebody who did not write it approve the last commit of the pull request before it is merged",
        )
    last = {file: commits[0].sha if commits else released.sha for file, commits in histories.items()}
    wanted = reviews.blobs(released.sha)
    altered = [f for f, path in places.items() if not reviews.have_seen(last[f], path, wanted[path])]
    if altered:
        return failed(
            f"{listing(altered, limit=3)}: no reviewed state of the pull request holds these bytes",
            hint="somebody changed them while merging: bring the change in by a pull request of its own",
        )
    lines = [f"{one.commit.sha[:10]} ({one.why}): #{one.pulls[0].number}" for one in judged]
    return passed(f"{count(len(judged), 'commit')} approved by {listing(verdict.reviewers)}", lines)


def _files(question: Question) -> dict[str, bytes]:
    """The bytes of the pending migrations, their rollbacks and the journal that orders them, by a path to look for."""
    settings, plan = question.settings, question.plan
    journal = tool(plan.tool).journal
    wanted = [m.file for m in plan.pending] + ([journal] if journal and exists(settings.migrations, journal) else [])
    back = settings.rollback_folder.name
    files = {file: read_bytes(settings.migrations, file) for file in wanted}
    return files | {f"{back}/{r.file}": r.text.encode() for r in plan.rollbacks}


class _Reviews:
    """Pull requests and people, each asked for once."""

    def __init__(self, github: "GitHub") -> None:
        self._github = github
        self._pulls: dict[int, Pull] = {}
        self._brought: dict[str, tuple[Pull, ...]] = {}
        self._blobs: dict[str, dict[str, str]] = {}

    def of(self, sha: str) -> tuple[Pull, ...]:
        """The pull requests that brought a commit."""
        if sha not in self._brought:
            self._brought[sha] = tuple(self._pull(found) for found in self._github.pulls_of(sha))
        return self._brought[sha]

    def blobs(self, sha: str) -> dict[str, str]:
        """What a commit holds, by path."""
        if sha not in self._blobs:
            self._blobs[sha] = self._github.blobs(sha)
        return self._blobs[sha]

    def have_seen(self, sha: str, path: str, blob: str) -> bool:
        """Whether a pull request that brought this commit ended with these bytes: a merge can be made by hand."""
        return any(self.blobs(pull.head).get(path) == blob for pull in self.of(sha) if pull.merged)

    def writers(self) -> frozenset[str]:
        """Those among the reviewers who may push."""
        said = {review.login for pull in self._pulls.values() for review in pull.reviews}
        return frozenset(login.lower() for login in said if self._github.may_write(login))

    def _pull(self, found: dict[str, Any]) -> Pull:
        number = int(found["number"])
        if number not in self._pulls:
            merged = bool(found.get("merged_at"))
            self._pulls[number] = Pull(
                number=number,
                base=found["base"]["ref"],
                head=found["head"]["sha"],
                merged=merged,
                author=(found.get("user") or {}).get("login") or "",
                commits=tuple(self._github.pull_commits(number)) if merged else (),
                reviews=tuple(self._github.reviews(number)) if merged else (),
            )
        return self._pulls[number]


CHECK = Check("github-review", "Reviewed on GitHub", ask, releases_only=True)
