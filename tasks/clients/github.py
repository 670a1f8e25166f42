"""GitHub's REST API, as far as the gate needs it; it speaks to the configured host only, and follows no redirect."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from tasks.gate.errors import ConfigurationError
from tasks.gate.github_review import Authored, PullReview

VERSION = "2022-11-28"
PAGE = 100
MOST_PAGES = 30
SECONDS = 10.0
TRIES = 3
LONGEST_WAIT_SECONDS = 30.0  # a rate limit that lasts longer is said, not waited for
PAUSE_SECONDS = 0.5
DESCRIPTION = 140  # characters of a commit status
COMMENT = 65_000  # characters of a comment, of which GitHub takes 65,536
WRITERS = ("admin", "maintain", "write")
MISSING = httpx.codes.NOT_FOUND


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
        self._base = api_url.rstrip("/")
        self._sleep = sleep
        self._client = httpx.Client(
            timeout=SECONDS,
            follow_redirects=False,
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
                "Authorization": f"Bearer {token.get_secret_value()}",
                "User-Agent": "gate",
            },
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
        answer = self._ask("GET", f"/repos/{self.repository}/collaborators/{quote(login, safe='')}/permission")
        if answer.status_code == MISSING:
            return False
        return _json(self._checked(answer)).get("permission") in WRITERS

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
        me = self._checked(self._ask("POST", self._graphql, {"query": "{viewer{login}}"}))
        login = _json(me)["data"]["viewer"]["login"]
        for found in self._pages(f"/repos/{self.repository}/issues/{number}/comments?per_page={PAGE}"):
            if (found.get("user") or {}).get("login") == login and str(found.get("body")).startswith(marker):
                self._checked(self._ask("PATCH", f"/repos/{self.repository}/issues/comments/{found['id']}", body))
                return
        self._post(f"/repos/{self.repository}/issues/{number}/comments", body)

    def answer_protection_rule(self, run: int, *, environment: str, state: str, comment: str) -> None:
        """Answer a deployment protection rule: `approved` or `rejected`."""
        body = {"environment_name": environment, "state": state, "comment": comment}
        self._post(f"/repos/{self.repository}/actions/runs/{run}/deployment_protection_rule", body)

    @property
    def _graphql(self) -> str:
        return f"{self._base.removesuffix('/v3')}/graphql"

    def _get(self, path: str) -> dict[str, Any]:
        return _json(self._checked(self._ask("GET", path)))

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._checked(self._ask("POST", path, body))

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        url = self._base + path
        for _ in range(MOST_PAGES):
            answer = self._checked(self._ask("GET", url))
            yield from answer.json()
            url = answer.links.get("next", {}).get("url", "")
            if not url:
                return
        raise ConfigurationError(f"GitHub answers {path.partition('?')[0]} with more than {MOST_PAGES * PAGE} entries")

    def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One answer; a blink of the network, a 5xx and a short rate limit are tried again.

        Raises:
            ConfigurationError: no answer, a rate limit that lasts, or an address on another host.
        """
        url = url if url.startswith("http") else self._base + url
        if httpx.URL(url).netloc != httpx.URL(self._base).netloc:
            raise ConfigurationError("GitHub's answer leads to another host, which is not asked")
        wait = 0.0
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._client.request(method, url, json=body)
            except httpx.HTTPError as error:
                if attempt == TRIES:
                    raise self._away(type(error).__name__) from None
                wait = PAUSE_SECONDS * attempt
            else:
                wait = _wait(answer, attempt)
                if not wait or attempt == TRIES or wait > LONGEST_WAIT_SECONDS:
                    return answer
            self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        path = answer.request.url.path
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ConfigurationError("GitHub does not take the token", hint="renew GATE_GITHUB_TOKEN")
        if _wait(answer, 1) > LONGEST_WAIT_SECONDS:
            raise ConfigurationError(
                f"GitHub's rate limit is used up for {_wait(answer, 1) / 60:.0f} min", hint="try again then"
            )
        raise ConfigurationError(
            f"GitHub answered {answer.status_code} to {answer.request.method} {path}",
            hint=self._remedy(answer),
            status=answer.status_code,
        )

    def _remedy(self, answer: httpx.Response) -> str:
        if answer.status_code in (MISSING, httpx.codes.FORBIDDEN):
            needed = answer.headers.get("x-accepted-github-permissions", "")
            return f"check GATE_GITHUB_REPOSITORY and what the token may do{f': {needed} is needed' if needed else ''}"
        if answer.has_redirect_location:
            return f"the repository was renamed or moved: correct GATE_GITHUB_REPOSITORY ({self.repository})"
        return "see https://www.githubstatus.com"

    def _away(self, how: str) -> ConfigurationError:
        host = httpx.URL(self._base).host
        return ConfigurationError(
            f"GitHub ({host}) could not be asked: {how}", hint="check the network and GATE_GITHUB_API_URL"
        )


def _authored(found: dict[str, Any]) -> Authored:
    """A commit and the logins behind it; empty where GitHub knows no account for the address in the commit."""
    return Authored(
        sha=found["sha"],
        author=(found.get("author") or {}).get("login") or "",
        committer=(found.get("committer") or {}).get("login") or "",
    )


def _json(answer: httpx.Response) -> dict[str, Any]:
    document = answer.json()
    return document if isinstance(document, dict) else {}


def _wait(answer: httpx.Response, attempt: int) -> float:
    """Seconds after which to ask again; 0 when this answer is the answer."""
    if answer.is_server_error:
        return PAUSE_SECONDS * attempt
    if answer.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        return 0.0
    if (after := answer.headers.get("retry-after", "")).isdigit():
        return float(after) or PAUSE_SECONDS
    if answer.headers.get("x-ratelimit-remaining") == "0" and answer.headers.get("x-ratelimit-reset", "").isdigit():
        return max(PAUSE_SECONDS, float(answer.headers["x-ratelimit-reset"]) - time.time())
    return 0.0
