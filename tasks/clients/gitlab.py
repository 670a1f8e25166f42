"""GitLab's REST API, as far as the gate needs it: the one note of a merge request, and a commit's status."""

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from tasks.clients.forge import MISSING, PAGE, Forge, document

DESCRIPTION = 255  # characters of a commit status
QUICK_ACTION = re.compile(r"^/", re.MULTILINE)
# What GitLab says of a status that is there already; its sentence is then the only thing that is older.
UNCHANGED = "Cannot transition status"


class GitLab:
    """One project on one GitLab."""

    def __init__(
        self, api_url: str, project: str, token: SecretStr, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Asks nobody yet.

        Args:
            api_url: https://gitlab.com/api/v4, or another server's.
            project: its number, or group/name.
            token: of a project, a group or a person, with the scope `api`.
            sleep: waits; the tests' own.
        """
        self._project = f"/projects/{quote(project, safe='')}"
        self._forge = Forge("GitLab", api_url, {"PRIVATE-TOKEN": token.get_secret_value()}, sleep=sleep)

    def path(self) -> str:
        """The project as people name it: group/name."""
        return str(self._get(self._project)["path_with_namespace"])

    def put_note(self, merge_request: int, marker: str, text: str) -> None:
        """Write the one note of ours below a merge request, or replace what it says.

        It is found by its marker and by who wrote it: somebody else's note is never changed. A line that begins with a
        slash would be an order to GitLab (/merge), and is moved in by one space.

        Args:
            merge_request: its number in the project.
            marker: with which the note begins.
            text: Markdown.
        """
        body = {"body": QUICK_ACTION.sub(" /", f"{marker}\n{text}")}
        me = self._get("/user")["id"]
        notes = f"{self._project}/merge_requests/{merge_request}/notes"
        for found in self._forge.pages(f"{notes}?per_page={PAGE}&sort=asc&order_by=created_at", self._checked):
            ours = (found.get("author") or {}).get("id") == me and not found.get("system")
            if ours and str(found.get("body")).startswith(marker):
                self._checked(self._forge.ask("PUT", f"{notes}/{found['id']}", body))
                return
        self._checked(self._forge.ask("POST", notes, body))

    def set_status(self, sha: str, *, state: str, context: str, sentence: str, url: str) -> None:
        """Put a status beside a commit: `pending`, `running`, `success` or `failed`."""
        said = sentence if len(sentence) <= DESCRIPTION else f"{sentence[: DESCRIPTION - 1]}…"
        body = {"state": state, "name": context, "description": said} | ({"target_url": url} if url else {})
        answer = self._forge.ask("POST", f"{self._project}/statuses/{sha}", body)
        if answer.status_code == httpx.codes.BAD_REQUEST and UNCHANGED in answer.text:
            return
        self._checked(answer)

    def _get(self, path: str) -> dict[str, Any]:
        return document(self._checked(self._forge.ask("GET", path)))

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        remedy = "see https://status.gitlab.com"
        if answer.status_code in (MISSING, httpx.codes.FORBIDDEN):
            remedy = "check GATE_GITLAB_PROJECT and the token: scope api, role Reporter; for a commit status Developer"
        elif answer.has_redirect_location:
            remedy = "the project was moved: correct GATE_GITLAB_PROJECT and GATE_GITLAB_API_URL"
        raise self._forge.refuse(answer, remedy)
