"""GitHub on loopback: the documented calls that the gate makes, its paging and limits, and webhooks signed as its own.

Shapes are those of GitHub's OpenAPI description (X-GitHub-Api-Version 2022-11-28).
"""

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from tests.servers.serving import serving

REPOSITORY = "acme/shop"
TOKEN = "ghs_canary0token0of0the0tests"
SECRET = "canary-webhook-secret"
BOT = "github-actions[bot]"
Answer = tuple[int, Any]


def blob_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha(name: str) -> str:
    """A commit's SHA from a name, so that tests can be read."""
    return hashlib.sha1(name.encode()).hexdigest()


@dataclass
class FakeGitHub:
    """One repository, everything that was told to it, and the answers that a test puts in the way."""

    url: str = ""
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, dict[str, bytes]] = field(default_factory=dict)
    histories: dict[str, list[str]] = field(default_factory=dict)  # path to SHAs, newest first
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    brought_by: dict[str, list[int]] = field(default_factory=dict)  # commit to pull requests
    pull_commits: dict[int, list[str]] = field(default_factory=dict)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)  # to protection rules
    asked: list[str] = field(default_factory=list)
    page: int = 100  # entries, at most; a small one makes the client follow links
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered first, in turn

    def commit(self, name: str, *, author: str | None = "ada", committer: str | None = "web-flow") -> str:
        """A commit; an account of None is an address that GitHub knows nobody by."""
        self.commits[sha(name)] = {
            "sha": sha(name),
            "commit": {"message": name},
            "author": {"login": author} if author else None,
            "committer": {"login": committer} if committer else None,
        }
        return sha(name)

    def merged(
        self, number: int, name: str, files: dict[str, bytes], *, author: str = "ada", base: str = "main"
    ) -> str:
        """A pull request, merged as one commit that holds and touched these files; nobody reviewed it yet."""
        head, merge = self.commit(f"{name} (branch)", author=author, committer=author), self.commit(name, author=author)
        self.trees[merge] = self.trees[head] = files
        for path in files:
            self.histories.setdefault(path, []).insert(0, merge)
        self.pulls[number] = {
            "number": number,
            "user": {"login": author},
            "base": {"ref": base},
            "head": {"sha": head},
            "merged_at": "2026-11-25T10:00:00Z",
            "merge_commit_sha": merge,
        }
        self.brought_by.setdefault(merge, []).append(number)
        self.pull_commits[number] = [head]
        return merge

    def review(self, number: int, login: str, state: str = "APPROVED", *, commit: str = "", may: str = "write") -> None:
        """Somebody's opinion, on the head of the pull request unless said otherwise."""
        self.permissions.setdefault(login, may)
        said = {
            "user": {"login": login},
            "state": state,
            "commit_id": commit or self.pulls[number]["head"]["sha"],
            "submitted_at": "2026-11-25T09:00:00Z",
        }
        self.reviews.setdefault(number, []).append(said)

    def deliver(self, to: str, event: str, payload: dict[str, Any], *, secret: str = SECRET) -> httpx.Response:
        """Post a webhook as GitHub does."""
        body = json.dumps(payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0000000",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return httpx.post(to, content=body, headers=headers, timeout=10, trust_env=False)

    def asks_for(self, commit: str, *, run: int = 7, environment: str = "production") -> dict[str, Any]:
        """The payload with which a deployment protection rule asks."""
        return {
            "action": "requested",
            "environment": environment,
            "event": "release",
            "sha": commit,
            "ref": "refs/tags/v1",
            "deployment_callback_url": f"{self.url}/repos/{REPOSITORY}/actions/runs/{run}/deployment_protection_rule",
            "deployment": {"id": 1, "sha": commit},
            "repository": {"full_name": REPOSITORY},
            "installation": {"id": 5},
            "sender": {"login": "ada"},
        }

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """What GitHub answers to a call."""
        for pattern, act in self._calls():
            wanted, _, expression = pattern.partition(" ")
            if wanted == method and (found := re.fullmatch(expression.replace("R/", f"/repos/{REPOSITORY}/"), path)):
                words = [*map(unquote, found.groups())]
                return act(*words) if method == "GET" else act(*words, body)
        return (200, {"default_branch": "main"}) if path == f"/repos/{REPOSITORY}" else (404, {"message": "Not Found"})

    def _calls(self) -> tuple[tuple[str, Callable[..., Answer]], ...]:
        return (
            ("GET R/commits/([^/]+)/pulls", lambda s: (200, [self.pulls[n] for n in self.brought_by.get(s, [])])),
            ("GET R/commits/([^/]+)/statuses", lambda s: (200, [x for x in reversed(self.statuses) if x["sha"] == s])),
            ("GET R/commits/([^/]+)", self._commit),
            ("GET R/git/trees/([^/]+)", self._tree),
            ("GET R/pulls/([0-9]+)/commits", lambda n: (200, [self.commits[s] for s in self.pull_commits[int(n)]])),
            ("GET R/pulls/([0-9]+)/reviews", lambda n: (200, self.reviews.get(int(n), []))),
            ("GET R/collaborators/([^/]+)/permission", self._permission),
            ("GET R/issues/([0-9]+)/comments", lambda n: (200, self.comments.get(int(n), []))),
            ("POST R/issues/([0-9]+)/comments", self._comment),
            ("PATCH R/issues/comments/([0-9]+)", self._edit),
            ("POST R/statuses/([0-9a-f]+)", self._status),
            ("POST R/actions/runs/([0-9]+)/deployment_protection_rule", self._protection),
            ("POST /graphql", lambda _body: (200, {"data": {"viewer": {"login": BOT}}})),
        )

    def _commit(self, ref: str) -> Answer:
        return (200, self.commits[ref]) if ref in self.commits else (422, {"message": "No commit found"})

    def _tree(self, ref: str) -> Answer:
        files = self.trees.get(ref, {})
        tree = [{"path": p, "type": "blob", "mode": "100644", "sha": blob_sha1(c)} for p, c in files.items()]
        return 200, {"sha": ref, "tree": tree, "truncated": False}

    def _permission(self, login: str) -> Answer:
        if login not in self.permissions:
            return 404, {"message": "Not Found"}
        return 200, {"permission": self.permissions[login], "user": {"login": login}}

    def _comment(self, number: str, body: dict[str, Any]) -> Answer:
        made = {"id": 1000 + sum(map(len, self.comments.values())), "user": {"login": BOT}, "body": body["body"]}
        self.comments.setdefault(int(number), []).append(made)
        return 201, made

    def _edit(self, number: str, body: dict[str, Any]) -> Answer:
        made = next(c for found in self.comments.values() for c in found if c["id"] == int(number))
        made["body"] = body["body"]
        return 200, made

    def _status(self, commit: str, body: dict[str, Any]) -> Answer:
        if len(body["description"]) > 140:
            return 422, {"message": "description is too long (maximum is 140 characters)"}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.statuses.append({"sha": commit, "created_at": now, **body})
        return 201, body

    def _protection(self, run: str, body: dict[str, Any]) -> Answer:
        self.answers.append({"run": int(run), **body})
        return 204, None


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    """GitHub on a free port, gone at the end."""
    github = FakeGitHub()

    class Answering(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            github.asked.append(f"{self.command} {self.path}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, {"message": "Bad credentials"}, {})
            if github.trouble:
                status, headers = github.trouble.pop(0)
                return self._send(status, [] if status == httpx.codes.OK else {"message": "trouble"}, headers)
            query = parse_qs(parts.query)
            if parts.path == f"/repos/{REPOSITORY}/commits":
                found = github.histories.get(query["path"][0], [])
                status, document = 200, [github.commits[s] for s in found]
            else:
                status, document = github.answer(self.command, parts.path, body)
            headers = {}
            if isinstance(document, list):
                page = int(query.get("page", ["1"])[0])
                size = min(github.page, int(query.get("per_page", ["30"])[0]))
                if len(document) > page * size:
                    rest = self.path.partition("&page=")[0]
                    headers["Link"] = f'<{github.url}{rest}&page={page + 1}>; rel="next"'
                document = document[(page - 1) * size : page * size]
            return self._send(status, document, headers)

        do_GET = do_POST = do_PATCH = _any  # noqa: N815  (the names that http.server calls)

        def _send(self, status: int, document: Any, headers: dict[str, str]) -> None:
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    with serving(server) as github.url:
        yield github
