"""GitHub's REST API, as far as the gate needs it."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from tasks.clients.forge import MISSING, PAGE, Forge, document
from tasks.gate.commit_status import CommitStatus
from tasks.gate.errors import ConfigurationError
from tasks.gate.github_review import Authored, PullReview

VERSION = "2022-11-28"
DESCRIPTION = 140  # characters of a commit status
COMMENT = 65_000  # characters of a comment, of which GitHub takes 65,536
WRITERS = ("admin", "maintain", "write")


class GitHub:
    """One repository on one GitHub."""

    def __init__(
        self, api_url: str, repository: str, token: SecretStr, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Asks nobody yet.

        Args:
            api_url: https://api.github.com, or the address of an enterprise server with /api/v3.
            repository: owner/name.
            token: of an app, a workflow or a person.
            sleep: waits; the tests' own.
        """
        self.repository = repository
        self._forge = Forge(
            "GitHub",
            api_url,
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
                "Authorization": f"Bearer {token.get_secret_value()}",
            },
            limits="x-",
            sleep=sleep,
        )

    def default_branch(self) -> str:
        """The branch on which releases are made unless policy names others."""
        return str(self._get(f"/repos/{self.repository}")["default_branch"])

    def commit(self, ref: str) -> Authored:
        """A commit, by its SHA, tag or branch."""
        return _authored(self._get(f"/repos/{self.repository}/commits/{quote(ref, safe='')}"))

    def history(self, sha: str, path: str) -> Iterator[Authored]:
        """The commits up to `sha` that touched a file, newest first."""
        wanted = f"/repos/{self.repository}/commits?sha={sha}&path={quote(path, safe='')}&per_page={PAGE}"
        return (_authored(found) for found in self._pages(wanted))

    def blobs(self, sha: str) -> dict[str, str]:
        """Path to git's own SHA-1 of every file of a commit.

        Raises:
            ConfigurationError: the repository is too large to be listed in one answer.
        """
        tree = self._get(f"/repos/{self.repository}/git/trees/{sha}?recursive=1")
        if tree.get("truncated"):
            raise ConfigurationError(f"GitHub lists {self.repository} only in part, so its files cannot be compared")
        return {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}

    def pulls_of(self, sha: str) -> Iterator[dict[str, Any]]:
        """The pull requests that brought a commit."""
        return self._pages(f"/repos/{self.repository}/commits/{sha}/pulls?per_page={PAGE}")

    def pull_commits(self, number: int) -> Iterator[Authored]:
        """The commits of a pull request."""
        found = self._pages(f"/repos/{self.repository}/pulls/{number}/commits?per_page={PAGE}")
        return (_authored(commit) for commit in found)

    def reviews(self, number: int) -> Iterator[PullReview]:
        """What was said of a pull request, oldest first; a review without an account counts for nobody."""
        for found in self._pages(f"/repos/{self.repository}/pulls/{number}/reviews?per_page={PAGE}"):
            if found.get("user"):
                yield PullReview(
                    login=found["user"]["login"], state=found["state"], commit=found.get("commit_id") or ""
                )

    def may_write(self, login: str) -> bool:
        """True when this person may push to the repository."""
        answer = self._forge.ask("GET", f"/repos/{self.repository}/collaborators/{quote(login, safe='')}/permission")
        if answer.status_code == MISSING:
            return False
        return document(self._checked(answer)).get("permission") in WRITERS

    def statuses(self, sha: str) -> Iterator[CommitStatus]:
        """The statuses of a commit, newest first."""
        for found in self._pages(f"/repos/{self.repository}/commits/{sha}/statuses?per_page={PAGE}"):
            yield CommitStatus(
                state=found["state"],
                context=found["context"],
                url=found.get("target_url") or "",
                created_at=found["created_at"],
            )

    def set_status(self, sha: str, *, state: str, context: str, sentence: str, url: str) -> None:
        """Put a status beside a commit: `pending`, `success`, `failure` or `error`."""
        said = sentence if len(sentence) <= DESCRIPTION else f"{sentence[: DESCRIPTION - 1]}…"
        body = {"state": state, "context": context, "description": said} | ({"target_url": url} if url else {})
        self._post(f"/repos/{self.repository}/statuses/{sha}", body)

    def put_comment(self, number: int, marker: str, text: str) -> None:
        """Write the one comment of ours below a pull request, or replace what it says.

        It is found by its marker and by who wrote it: somebody else's comment is never changed.
        """
        body = {"body": f"{marker}\n{text}"[:COMMENT]}
        me = self._checked(self._forge.ask("POST", self._graphql, {"query": "{viewer{login}}"}))
        login = document(me)["data"]["viewer"]["login"]
        for found in self._pages(f"/repos/{self.repository}/issues/{number}/comments?per_page={PAGE}"):
            if (found.get("user") or {}).get("login") == login and str(found.get("body")).startswith(marker):
                self._checked(self._forge.ask("PATCH", f"/repos/{self.repository}/issues/comments/{found['id']}", body))
                return
        self._post(f"/repos/{self.repository}/issues/{number}/comments", body)

    def answer_protection_rule(self, run: int, *, environment: str, state: str, comment: str) -> None:
        """Answer a deployment protection rule: `approved` or `rejected`."""
        body = {"environment_name": environment, "state": state, "comment": comment}
        self._post(f"/repos/{self.repository}/actions/runs/{run}/deployment_protection_rule", body)

    @property
    def _graphql(self) -> str:
        return f"{self._forge.url.removesuffix('/v3')}/graphql"

    def _get(self, path: str) -> dict[str, Any]:
        return document(self._checked(self._forge.ask("GET", path)))

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._checked(self._forge.ask("POST", path, body))

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        return self._forge.pages(path, self._checked)

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        raise self._forge.refuse(answer, self._remedy(answer))

    def _remedy(self, answer: httpx.Response) -> str:
        if answer.status_code in (MISSING, httpx.codes.FORBIDDEN):
            needed = answer.headers.get("x-accepted-github-permissions", "")
            return f"check GATE_GITHUB_REPOSITORY and what the token may do{f': {needed} is needed' if needed else ''}"
        if answer.has_redirect_location:
            return f"the repository was renamed or moved: correct GATE_GITHUB_REPOSITORY ({self.repository})"
        return "see https://www.githubstatus.com"


def _authored(found: dict[str, Any]) -> Authored:
    """A commit and the logins behind it; empty where GitHub knows no account for the address in the commit."""
    return Authored(
        sha=found["sha"],
        author=(found.get("author") or {}).get("login") or "",
        committer=(found.get("committer") or {}).get("login") or "",
    )
